//! Problems from a file with one JSON object a line.
//!
//! The file is read once to find where its rows are; a row is read again when it is asked for, so the file need not fit
//! into memory.

use crate::data::rows::{Columns, RowCounts, passes, renamed};
use crate::data::{Data, DataError, Problem, Split, identity};
use recipec_compiler::settings::{BadRow, RowRules};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

/// Columns that hold the problem; the first that a row has counts.
const PROMPT_COLUMNS: [&str; 3] = ["prompt", "problem", "question"];

/// Longest line that is read, in bytes.
const LONGEST_LINE: u64 = 64 << 20;

/// Where a row is.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    bytes: u64,
}

/// An open file with the places of its rows.
#[derive(Debug)]
pub struct Lines {
    path: String,
    file: Mutex<File>,
    train: Vec<Place>,
    held_out: Vec<Place>,
    rules: RowRules,
    counts: RowCounts,
}

impl Lines {
    /// Opens a file and checks each of its rows. Blank lines are passed over; a row that is bad ends the reading, or is left out
    /// and counted, as the rules say.
    ///
    /// A side without rows has length 0, and a problem asked of it is empty: a caller looks at [`Data::len`] first.
    pub fn open(path: &str, rules: &RowRules) -> Result<Self, DataError> {
        let unreadable = |why: String| DataError::Unreadable { path: path.into(), why };
        let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
        let mut reader = BufReader::new(file);
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        let mut counts = RowCounts::default();
        let (mut offset, mut number, mut line) = (0, 0u64, Vec::new());
        loop {
            line.clear();
            let bytes = (&mut reader).take(LONGEST_LINE + 1).read_until(b'\n', &mut line);
            let bytes = bytes.map_err(|error| unreadable(error.to_string()))? as u64;
            if bytes == 0 {
                break;
            }
            number += 1;
            if bytes > LONGEST_LINE {
                return Err(unreadable(format!("line {number} is longer than {} MiB", LONGEST_LINE >> 20)));
            }
            if !line.trim_ascii().is_empty() {
                match (row(&line, rules), rules.on_bad_row) {
                    (Ok(Some(row)), _) => {
                        let side = match Split::of(&row.prompt) {
                            Split::Train => &mut train,
                            Split::HeldOut => &mut held_out,
                        };
                        side.push(Place { offset, bytes });
                        counts.used += 1;
                    }
                    (Ok(None), _) => counts.filtered += 1,
                    (Err(why), BadRow::Stop) => return Err(unreadable(format!("line {number}: {why}"))),
                    (Err(why), BadRow::Skip) => {
                        counts.bad += 1;
                        counts.first_bad.get_or_insert_with(|| format!("line {number}: {why}"));
                    }
                }
            }
            offset += bytes;
        }
        if train.is_empty() {
            let mut why = format!("no row to train on among {} rows", held_out.len());
            if counts.filtered + counts.bad > 0 {
                why.push_str(&format!(
                    "; {} are left out by the filter, {} cannot be read",
                    counts.filtered, counts.bad
                ));
            }
            return Err(unreadable(why));
        }
        let file = Mutex::new(reader.into_inner());
        Ok(Self { path: path.into(), file, train, held_out, rules: rules.clone(), counts })
    }

    fn side(&self, split: Split) -> &[Place] {
        match split {
            Split::Train => &self.train,
            Split::HeldOut => &self.held_out,
        }
    }

    fn read(&self, split: Split, index: u64) -> Result<Problem, String> {
        let places = self.side(split);
        let at = index.checked_rem(places.len() as u64).ok_or("this side of the split has no rows")?;
        let place = places.get(at as usize).ok_or("there is no such row")?;
        let mut line = Vec::new();
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(place.offset)).map_err(|error| error.to_string())?;
            file.by_ref().take(place.bytes).read_to_end(&mut line).map_err(|error| error.to_string())?;
        }
        row(&line, &self.rules)?.ok_or_else(|| "the filter leaves it out".to_string())
    }
}

impl Data for Lines {
    fn len(&self, split: Split) -> Option<u64> {
        Some(self.side(split).len() as u64)
    }

    /// A row that cannot be read again (the file was changed under the run) gives an empty prompt, with the reason in
    /// column `error`.
    fn problem(&self, split: Split, index: u64) -> Problem {
        self.read(split, index).unwrap_or_else(|why| Problem {
            id: format!("{} {index}", self.path),
            level: 0,
            prompt: String::new(),
            columns: BTreeMap::from([("error".to_owned(), Value::String(why))]),
        })
    }

    fn demonstration(&self, split: Split, index: u64, target: &str) -> Option<String> {
        self.read(split, index).ok()?.columns.get(target)?.as_str().map(str::to_owned)
    }

    fn rows(&self) -> Option<&RowCounts> {
        Some(&self.counts)
    }
}

/// A line as a problem; none when the filter leaves it out. Every column is kept, that of the prompt too, since a template may name
/// it.
fn row(line: &[u8], rules: &RowRules) -> Result<Option<Problem>, String> {
    let object: Map<String, Value> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let columns: Columns = renamed(object.into_iter().collect(), rules)?;
    if let Some(filter) = &rules.filter
        && !passes(filter, &columns)?
    {
        return Ok(None);
    }
    let Some((name, prompt)) = PROMPT_COLUMNS.iter().find_map(|name| Some((name, columns.get(*name)?))) else {
        return Err(format!(
            "none of the columns {} is there",
            PROMPT_COLUMNS.map(|name| format!("`{name}`")).join(", ")
        ));
    };
    let Some(prompt) = prompt.as_str().map(str::to_owned) else {
        return Err(format!("column `{name}` is not a text"));
    };
    let level = columns.get("level").and_then(Value::as_u64).and_then(|level| u32::try_from(level).ok()).unwrap_or(0);
    Ok(Some(Problem { id: identity(&prompt), level, prompt, columns }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipec_compiler::settings::{RowComparison, RowFilter, RowValue};
    use std::io::Write;

    fn file(text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rows.jsonl");
        File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("a file");
        let path = path.to_str().expect("a printable path").to_owned();
        (folder, path)
    }

    #[test]
    fn reads_every_row_once_and_wraps_around() {
        let text: String =
            (0..400).map(|at| format!("{{\"question\":\"q{at}\",\"answer\":\"{at}\",\"level\":2}}\n\n")).collect();
        let (_folder, path) = file(&text);
        let lines = Lines::open(&path, &RowRules::default()).expect("good rows");
        let (train, held_out) = (lines.len(Split::Train).unwrap_or(0), lines.len(Split::HeldOut).unwrap_or(0));
        assert_eq!(train + held_out, 400);
        assert!((25..80).contains(&held_out), "one in eight, not {held_out}");
        let mut seen: Vec<String> = (0..train).map(|at| lines.problem(Split::Train, at).prompt).collect();
        seen.extend((0..held_out).map(|at| lines.problem(Split::HeldOut, at).prompt));
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 400);
        let first = lines.problem(Split::Train, 0);
        assert_eq!(first, lines.problem(Split::Train, train));
        assert_eq!(first.level, 2);
        assert_eq!(Some(format!("q{}", first.columns["answer"].as_str().unwrap_or(""))), Some(first.prompt));
        assert!(lines.demonstration(Split::Train, 0, "answer").is_some());
        assert_eq!(lines.demonstration(Split::Train, 0, "solution"), None);
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, part) in [
            ("{\"prompt\":\"a\"}\n{\"promt\":\"b\"}\n", "line 2: none of the columns `prompt`"),
            ("{\"prompt\":\"a\"}\n\n{\"prompt\":7}", "line 3: column `prompt` is not a text"),
            ("[1]\n", "line 1: "),
            ("", "no row to train on"),
        ] {
            let (_folder, path) = file(text);
            let message = Lines::open(&path, &RowRules::default()).map(|_| ()).expect_err("bad rows").to_string();
            assert!(message.contains(part), "{message}");
        }
        let nothing = Lines::open("no/such.jsonl", &RowRules::default());
        assert!(matches!(nothing, Err(DataError::Unreadable { .. })));
    }

    #[test]
    fn bad_rows_are_counted_and_never_silent() {
        let good: String = (0..100).map(|at| format!("{{\"q\":\"q{at}\",\"level\":{}}}\n", at % 4)).collect();
        let text = format!("{{\"q\":\"no level\"}}\n{good}not json\n");
        let rules = |on_bad_row| RowRules {
            columns: BTreeMap::from([("prompt".to_string(), "q".to_string())]),
            filter: Some(RowFilter::Compare {
                column: "level".into(),
                op: RowComparison::GreaterEqual,
                value: RowValue::Number(2.0),
            }),
            on_bad_row,
        };
        let (_folder, path) = file(&text);
        let lines = Lines::open(&path, &rules(BadRow::Skip)).expect("fifty good rows");
        let counts = lines.rows().expect("counts");
        assert_eq!((counts.used, counts.filtered, counts.bad), (50, 50, 2));
        assert_eq!(counts.first_bad.as_deref(), Some("line 1: there is no column `level` for the filter"));
        assert_eq!(lines.len(Split::Train).unwrap_or(0) + lines.len(Split::HeldOut).unwrap_or(0), 50);
        let first = lines.problem(Split::Train, 0);
        assert!(first.prompt.starts_with('q') && first.level >= 2 && !first.columns.contains_key("q"), "{first:?}");
        let stopped = Lines::open(&path, &rules(BadRow::Stop)).map(|_| ()).expect_err("a bad row").to_string();
        assert!(stopped.contains("line 1: there is no column `level`"), "{stopped}");
    }
}
