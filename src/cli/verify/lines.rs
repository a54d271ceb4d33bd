//! Lines in, lines out: cases are judged on several threads, and their answers come in the order of the cases, each as
//! soon as those before it are done.

use recipec_runtime::verify::Status;
use recipec_runtime::verify::cases::{Answer, Judge, Label};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Longest line, in bytes; a longer one is an error and is not kept.
const LONGEST_LINE: u64 = 64 << 20;

/// Most cases that are read ahead of the one that is printed next, for each thread.
const AHEAD: usize = 64;

/// What became of the cases.
#[derive(Debug, Default)]
pub struct Tally {
    statuses: BTreeMap<Status, usize>,
    /// Cases with a label, and how many agree: the plain ones, then the disputed ones.
    labels: [(usize, usize); 2],
}

impl Tally {
    fn add(&mut self, answer: &Answer) {
        *self.statuses.entry(answer.verdict.status).or_default() += 1;
        if let Some(Label { agrees, disputed }) = answer.label {
            let [plain, questionable] = &mut self.labels;
            let (cases, agree) = if disputed { questionable } else { plain };
            *cases += 1;
            *agree += usize::from(agrees);
        }
    }

    /// Cases that were not judged.
    pub fn errors(&self) -> usize {
        self.statuses.get(&Status::Error).copied().unwrap_or(0)
    }

    /// One line for people.
    pub fn summary(&self) -> String {
        let total: usize = self.statuses.values().sum();
        let parts: Vec<String> = self.statuses.iter().map(|(status, n)| format!("{n} {}", name(*status))).collect();
        let mut text = format!("{total} cases: {}", if parts.is_empty() { "none".into() } else { parts.join(", ") });
        for ((cases, agree), which) in self.labels.iter().zip(["agree with their label", "disputed ones agree"]) {
            if *cases > 0 {
                text.push_str(&format!("; {agree} of {cases} {which}"));
            }
        }
        text
    }
}

/// A status as it is printed.
pub fn name(status: Status) -> String {
    json!(status).as_str().unwrap_or_default().to_owned()
}

/// A line, or why it is none.
type Line = Result<String, &'static str>;

/// The next line that is not blank, with its number from 1.
fn next_line(input: &mut dyn BufRead, number: &mut usize) -> io::Result<Option<(usize, Line)>> {
    loop {
        let mut bytes = Vec::new();
        let read = Read::take(&mut *input, LONGEST_LINE).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        *number += 1;
        if read as u64 == LONGEST_LINE && bytes.last() != Some(&b'\n') {
            input.skip_until(b'\n')?;
            return Ok(Some((*number, Err("is longer than 64 MiB"))));
        }
        match String::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => return Ok(Some((*number, Ok(text)))),
            Err(_) => return Ok(Some((*number, Err("is not UTF-8")))),
        }
    }
}

fn answer(judge: &mut Judge, number: usize, line: &Line) -> Answer {
    match line {
        Ok(text) => judge.judge_line(number, text),
        Err(why) => Answer::error(number, format!("line {number} {why}")),
    }
}

/// Judges every line and prints its answer. `Err` says that reading failed; what was read is answered before.
pub fn judge_all(
    mut input: Box<dyn BufRead + Send>,
    judge: &(dyn Fn() -> Judge + Sync),
    jobs: usize,
    print: &mut dyn FnMut(&str),
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut number = 0;
    if jobs <= 1 {
        let mut judge = judge();
        while let Some((number, line)) = next_line(&mut *input, &mut number)? {
            let answer = answer(&mut judge, number, &line);
            tally.add(&answer);
            print(&answer.to_line());
        }
        return Ok(tally);
    }
    // A place in line is taken for each case that is read and given back when its answer is printed: a slow case holds up
    // those behind it, and they must not pile up in memory.
    let (take, places) = sync_channel::<()>(jobs * AHEAD);
    let (send, receive) = channel::<(usize, (usize, Line))>();
    let receive = Mutex::new(receive);
    let (answered, answers) = channel::<(usize, Answer)>();
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut at = 0;
            loop {
                let line = next_line(&mut *input, &mut number)?;
                let Some(line) = line else { return Ok(()) };
                if take.send(()).is_err() || send.send((at, line)).is_err() {
                    return Ok(());
                }
                at += 1;
            }
        });
        for _ in 0..jobs {
            let (receive, answered) = (&receive, answered.clone());
            scope.spawn(move || {
                let mut judge = judge();
                loop {
                    let next = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((at, (number, line))) = next else { return };
                    if answered.send((at, answer(&mut judge, number, &line))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(answered);
        let (mut waiting, mut next) = (BTreeMap::new(), 0);
        for (at, answer) in answers {
            waiting.insert(at, answer);
            while let Some(answer) = waiting.remove(&next) {
                tally.add(&answer);
                print(&answer.to_line());
                next += 1;
                // The reader put one in for each case, so there is one.
                let _ = places.recv();
            }
        }
        match reader.join() {
            Ok(read) => read,
            Err(_) => Err(io::Error::other("the reading thread failed")),
        }
    })?;
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipec_runtime::verify::cases::Domain;
    use std::io::Cursor;

    fn run(text: &[u8], jobs: usize) -> (Vec<String>, Tally) {
        let mut lines = Vec::new();
        let judge = || Judge::new(Domain::Ifeval, BTreeMap::new());
        let input = Box::new(Cursor::new(text.to_vec()));
        let tally = judge_all(input, &judge, jobs, &mut |line| lines.push(line.to_owned())).expect("it reads");
        (lines, tally)
    }

    #[test]
    fn answers_keep_the_order_of_the_cases() {
        let mut text = Vec::new();
        for at in 0..2_000 {
            let case = json!({"id": at, "instruction_id": "punctuation:no_comma", "response": ",".repeat(at % 2), "expected": at % 2 == 0});
            text.extend(format!("{case}\n").into_bytes());
        }
        let (one, tally) = run(&text, 1);
        assert_eq!(tally.summary(), "2000 cases: 1000 correct, 1000 wrong; 2000 of 2000 agree with their label");
        assert_eq!(run(&text, 3).0, one);
        for (at, line) in one.iter().enumerate() {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(line["id"], json!(at));
        }
    }

    #[test]
    fn a_broken_line_is_an_error_line() {
        let text = b"{\n\n\xff\n{\"id\":\"a\",\"instruction_id\":\"punctuation:no_comma\",\"response\":\"b\"}";
        for jobs in [1, 2] {
            let (lines, tally) = run(text, jobs);
            assert_eq!((lines.len(), tally.errors()), (3, 2));
            assert!(lines[0].contains("line 1 is no JSON") && lines[1].contains("line 3 is not UTF-8"), "{lines:?}");
            assert!(lines[2].contains("\"correct\""));
        }
    }
}
