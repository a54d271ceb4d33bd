//! A sandbox on another machine that speaks SandboxFusion's language: `POST /run_code` with JSON, over plain HTTP.
//!
//! What leaves this machine is the program, and the input of a test; never what is expected. A request that finds no server, or a
//! busy or failing one, is made again, a few times and later each time. The remote side measures time by its clock.

use crate::sandbox::{Ending, JUDGED, Limit, Limits, Outcome, Task};
use serde_json::{Value as Json, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// Requests made for one test before it is an error.
const TRIES: u32 = 4;

/// Waiting time before the second request; it doubles.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a connection may take, and an answer beyond the test's own limit.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest answer, in bytes.
const LONGEST: u64 = 128 << 20;

/// Stands before the result on the remote's standard output. A program that writes it claims a result, as it could by returning one.
const MARK: &str = "\nresult of the called function: ";

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// Host and port.
    host: String,
    path: String,
}

/// Why a request brought nothing.
struct Miss {
    why: String,
    /// Whether another request may do better.
    again: bool,
}

impl Remote {
    /// The server of an address such as `http://sandbox:8080`.
    pub fn at(address: &str) -> Result<Self, String> {
        let Some(rest) = address.strip_prefix("http://") else {
            return Err(format!("`remote` is an address such as `http://sandbox:8080`, not `{address}`"));
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let odd = |text: &str| text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@');
        if host.is_empty() || odd(host) || odd(path) {
            return Err(format!("`remote` is an address such as `http://sandbox:8080`, not `{address}`"));
        }
        let named = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if named { host.to_owned() } else { format!("{host}:80") };
        let path = path.trim_end_matches('/').trim_end_matches("run_code").trim_end_matches('/');
        let path = if path.is_empty() { "/run_code".to_owned() } else { format!("/{path}/run_code") };
        Ok(Self { host, path })
    }

    /// Runs a test there.
    pub fn run(&self, program: &str, task: Task, limits: &Limits) -> Result<Outcome, String> {
        let called = matches!(task, Task::Call { .. });
        let input = match task {
            Task::Script { input } => input,
            Task::Call { .. } => "",
        };
        let request = json!({
            "language": "python", "code": script(program, task), "stdin": input, "files": {}, "fetch_files": [],
            "compile_timeout": limits.cpu_seconds, "run_timeout": limits.cpu_seconds,
            "memory_limit_MB": limits.memory_bytes >> 20,
        });
        let body = request.to_string();
        let within = Duration::try_from_secs_f64(limits.wall_seconds).unwrap_or(PATIENCE) + PATIENCE;
        let mut pause = PAUSE;
        let mut last = String::new();
        for nth in 0..TRIES {
            if nth > 0 {
                std::thread::sleep(pause);
                pause *= 2;
            }
            match self.post(&body, within).and_then(|answer| outcome(&answer, called)) {
                Ok(outcome) => return Ok(outcome),
                Err(miss) if miss.again => last = miss.why,
                Err(miss) => return Err(miss.why),
            }
        }
        Err(format!("{last}, {TRIES} times"))
    }

    /// One request.
    fn post(&self, body: &str, within: Duration) -> Result<Vec<u8>, Miss> {
        let again = |what: &str| {
            let what = what.to_owned();
            move |why: std::io::Error| Miss { why: format!("{what}: {why}"), again: true }
        };
        let address = self.host.to_socket_addrs().map_err(again("has no address"))?.next();
        let address = address.ok_or(Miss { why: "has no address".into(), again: true })?;
        let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(again("cannot be reached"))?;
        let set = stream.set_read_timeout(Some(within)).and(stream.set_write_timeout(Some(within)));
        set.map_err(again("cannot be reached"))?;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.path,
            self.host,
            body.len()
        );
        let mut reader = BufReader::new(&stream);
        let sent = (&stream).write_all(head.as_bytes()).and_then(|()| (&stream).write_all(body.as_bytes()));
        sent.map_err(again("takes no request"))?;
        read(&mut reader)
    }
}

/// Reads an answer: its status, its head, and its body in either form.
fn read(from: &mut BufReader<&TcpStream>) -> Result<Vec<u8>, Miss> {
    let broken = |why: &str| Miss { why: format!("answers with no HTTP: {why}"), again: true };
    let line = |from: &mut BufReader<&TcpStream>| -> Result<String, Miss> {
        let mut line = Vec::new();
        let ended = from.take(64 << 10).read_until(b'\n', &mut line);
        ended.map_err(|why| Miss { why: format!("does not answer: {why}"), again: true })?;
        Ok(String::from_utf8_lossy(&line).trim().to_owned())
    };
    let first = line(from)?;
    let status: u16 = first.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| broken("no status"))?;
    let (mut length, mut chunked) = (None, false);
    for nth in 0.. {
        let header = line(from)?;
        if header.is_empty() {
            break;
        }
        if nth > 100 {
            return Err(broken("a long head"));
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse::<u64>().ok(),
            "transfer-encoding" => chunked = value.to_ascii_lowercase().contains("chunked"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    let mut more = |from: &mut BufReader<&TcpStream>, count: u64| -> Result<(), Miss> {
        if body.len() as u64 + count > LONGEST {
            return Err(Miss { why: "answers with too much".into(), again: false });
        }
        let got = from.take(count).read_to_end(&mut body).map_err(|why| broken(&why.to_string()))?;
        if got as u64 == count { Ok(()) } else { Err(broken("it ends early")) }
    };
    if chunked {
        loop {
            let size = line(from)?;
            let size = size.split(';').next().and_then(|size| u64::from_str_radix(size.trim(), 16).ok());
            match size.ok_or_else(|| broken("a bad chunk"))? {
                0 => break,
                size => more(from, size)?,
            }
            line(from)?;
        }
    } else {
        more(from, length.ok_or_else(|| broken("no length"))?)?;
    }
    match status {
        200 => Ok(body),
        429 | 500..=599 => Err(Miss { why: format!("answers with status {status}"), again: true }),
        _ => Err(Miss { why: format!("answers with status {status}"), again: false }),
    }
}

/// What the server says came of a test.
fn outcome(answer: &[u8], called: bool) -> Result<Outcome, Miss> {
    let bad = |why: &str, again: bool| Miss { why: why.to_owned(), again };
    let json: Json = serde_json::from_slice(answer).map_err(|_| bad("answers with no JSON", true))?;
    let run = json.get("run_result").filter(|run| run.is_object());
    let (status, run) = match (json.get("status").and_then(Json::as_str), run) {
        (Some("Success" | "Failed"), Some(run)) => (run.get("status").and_then(Json::as_str), run),
        _ => return Err(bad("has failed itself", true)),
    };
    let text = |name: &str| run.get(name).and_then(Json::as_str).unwrap_or_default();
    let ending = match (status, run.get("return_code").and_then(Json::as_i64)) {
        (Some("TimeLimitExceeded"), _) => Ending::Limit(Limit::Wall),
        (Some("Finished"), Some(code @ ..0)) => Ending::Signal(code.unsigned_abs().min(64) as i32),
        (Some("Finished"), code) => Ending::Exit(code.unwrap_or(0) as i32),
        _ => return Err(bad("has failed itself", true)),
    };
    let (stdout, result) = match text("stdout").rsplit_once(MARK).filter(|_| called) {
        Some((stdout, result)) => (stdout, result.trim().as_bytes().to_vec()),
        None => (text("stdout"), Vec::new()),
    };
    Ok(Outcome {
        ending,
        stdout: stdout.as_bytes().to_vec(),
        stderr: text("stderr").as_bytes().to_vec(),
        result: unhex(&result),
        cpu_seconds: run.get("execution_time").and_then(Json::as_f64).filter(|time| *time >= 0.0).unwrap_or(0.0),
        full: false,
    })
}

/// Bytes of their hexadecimal digits; none at all where there is another character.
fn unhex(text: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some((digit(high)? * 16 + digit(low)?) as u8),
        _ => None,
    };
    text.chunks(2).map(pair).collect::<Option<Vec<u8>>>().unwrap_or_default()
}

/// A script that does what the local sandbox's judged process does, with the result at the end of the output.
pub(super) fn script(program: &str, task: Task) -> String {
    // A text in JSON is one in Python.
    let quoted = |text: &str| Json::from(text).to_string();
    let (function, arguments) = match task {
        Task::Script { .. } => ("None".to_owned(), "[]".to_owned()),
        Task::Call { name, arguments } => (quoted(name), Json::from(arguments.to_vec()).to_string()),
    };
    let (program, mark) = (quoted(program), quoted(MARK));
    format!(
        "{JUDGED}\n\ndef _main():\n    import os, random\n    results = []\n    random.seed(0)\n    code = run({program}, fresh_main(), \
         {function}, {arguments}, results.append)\n    out = {mark} + results[0].hex() + \"\\n\" if results else \"\"\n    \
         os.write(1, out.encode())\n    os._exit(code)\n\n\n_main()\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let of = |text: &str| Remote::at(text).map(|remote| format!("{}{}", remote.host, remote.path));
        assert_eq!(of("http://a:1").as_deref(), Ok("a:1/run_code"));
        assert_eq!(of("http://a/b/run_code").as_deref(), Ok("a:80/b/run_code"));
        for text in ["https://a", "a:1", "http://", "http://a b", "http://u@h"] {
            assert!(of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hexadecimal_digits() {
        assert_eq!(unhex(b"4E0a"), b"N\n");
        assert_eq!(unhex(b"4"), b"");
        assert_eq!(unhex(b"4g"), b"");
    }
}
