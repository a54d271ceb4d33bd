//! `recipec verify` and `recipec serve verifiers` from outside: what they print, their exit codes, and that they agree.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

fn recipec(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recipec")).args(arguments).output().expect("the program starts")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn cases(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(name);
    path.to_str().expect("a path").to_owned()
}

#[test]
fn a_file_of_cases_is_answered_line_by_line() {
    let file = cases("ifeval.jsonl");
    let plain = recipec(&["verify", "ifeval", "--cases", &file]);
    assert_eq!(plain.status.code(), Some(0));
    let summary = String::from_utf8_lossy(&plain.stderr).into_owned();
    assert!(summary.contains("1450 cases: ") && summary.contains("1388 of 1388 agree"), "{summary}");
    let quiet = recipec(&["verify", "constraints", "--cases", &file, "--json", "--jobs", "3"]);
    assert_eq!((quiet.status.code(), quiet.stderr.len()), (Some(0), 0));
    assert_eq!(out(&plain), out(&quiet), "neither the name of the domain nor threads change an answer");
    let text = std::fs::read_to_string(&file).expect("the cases");
    for (case, answer) in text.lines().zip(out(&plain).lines()) {
        let (case, read): (Value, Value) =
            (serde_json::from_str(case).expect("JSON"), serde_json::from_str(answer).expect("JSON"));
        assert_eq!(case["id"], read["id"]);
        assert!(answer.starts_with("{\"id\":\"if") && answer.contains(",\"status\":\""), "{answer}");
        assert!(read["score"].is_f64() && read.get("detail").is_some(), "{answer}");
    }
    assert_eq!(out(&plain).lines().count(), text.lines().count());
}

#[test]
fn a_broken_line_is_an_error_line_and_exit_code_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cases.jsonl");
    let good = json!({"id": "a", "instruction_id": "punctuation:no_comma", "response": "b"}).to_string();
    std::fs::write(&file, format!("{good}\nnot JSON\n{{\"id\": \"c\"}}\n{good}\n")).expect("written");
    let output = recipec(&["verify", "ifeval", "--cases", file.to_str().expect("a path"), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let found: Vec<(Value, Value)> = lines.iter().map(|line| (line["id"].clone(), line["status"].clone())).collect();
    let expected = [json!(["a", "correct"]), json!([2, "error"]), json!(["c", "error"]), json!(["a", "correct"])];
    assert_eq!(found, expected.map(|pair| (pair[0].clone(), pair[1].clone())));
}

#[test]
fn one_answer_is_judged_on_the_command_line() {
    for (arguments, code, text) in [
        (vec!["verify", "math", r"so \boxed{3/4}", "0.75"], 0, "correct 1"),
        (vec!["verify", "math_answer", r"\boxed{2}", "3"], 0, "wrong 0"),
        (vec!["verify", "math", "3/4", "0.75", "--argument", "extract=whole", "--json"], 0, "\"status\":\"correct\""),
        (vec!["verify", "ifeval", "a, b", r#"{"instruction_id": "punctuation:no_comma"}"#], 0, "wrong 0: not followed"),
        (
            vec![
                "verify",
                "fn_calling",
                "[add(a=1)]",
                r#"{"functions": [{"name": "add", "parameters": {"properties": {"a": {"type": "integer"}}, "required": ["a"]}}], "ground_truth": [{"add": {"a": [1]}}]}"#,
                "--argument",
                "format=python",
            ],
            0,
            "correct 1",
        ),
        (vec!["verify", "logic", "A<B", r#"{"task": "no_such", "game_data": {}}"#], 0, "unparsable 0"),
    ] {
        let output = recipec(&arguments);
        assert!(out(&output).contains(text), "{arguments:?}: {output:?}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_wrong_command_line_says_so() {
    for (arguments, part) in [
        (vec!["verify", "poetry", "a", "b"], "there is no domain `poetry`; there are `math`"),
        (vec!["verify", "math", "a", "b", "--argument", "extract=guess"], "`extract` is"),
        (vec!["verify", "math", "a", "b", "--argument", "extract"], "`extract` is not NAME=VALUE"),
        (vec!["verify", "ifeval", "a", "{"], "is not JSON"),
        (vec!["verify", "math", "--cases", "no/such/file.jsonl"], "cannot read `no/such/file.jsonl`"),
        (vec!["verify", "math", "a"], "GOLD"),
        (vec!["serve", "verifiers"], "--port"),
    ] {
        let output = recipec(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

/// The service in a process of its own, ended with the test.
struct Service {
    process: Child,
    address: String,
}

impl Service {
    fn start(more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_recipec"))
            .args(["serve", "verifiers", "--port", "0"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://").expect("the address").to_owned();
        Self { process, address }
    }

    fn open(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        stream
    }

    /// The status code, the head and the body of an answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        let mut stream = self.open();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        // A request that is too long may be refused before it is read.
        let _ = stream.write_all(body.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).expect("UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a code");
        (code, head.to_lowercase(), body.to_owned())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_service_answers_as_the_command_line_does() {
    let service = Service::start(&["--jobs", "2"]);
    for (domain, name) in [("ifeval", "ifeval.jsonl"), ("function_calls", "fn_calling.jsonl")] {
        let printed = out(&recipec(&["verify", domain, "--cases", &cases(name), "--json"]));
        let text = std::fs::read_to_string(cases(name)).expect("the cases");
        let lines: Vec<&str> = text.lines().collect();
        let mut answered = Vec::new();
        for batch in lines.chunks(100) {
            let (code, _, body) = service.ask("POST", &format!("/verify/{domain}"), &format!("[{}]", batch.join(",")));
            assert_eq!(code, 200, "{body}");
            let answers: Vec<Box<serde_json::value::RawValue>> = serde_json::from_str(&body).expect("a list");
            answered.extend(answers.iter().map(|answer| answer.get().to_owned()));
        }
        assert_eq!(answered, printed.lines().collect::<Vec<_>>(), "{domain}");
    }
    let (code, _, body) = service.ask("POST", "/verify/math", r#"{"gold": "0.75", "prediction": "\\boxed{3/4}"}"#);
    assert_eq!((code, body.as_str()), (200, r#"{"id":1,"status":"correct","score":1.0,"detail":null}"#));
    let (code, _, body) = service.ask("POST", "/verify/math", r#"[1, {"gold": "a"}]"#);
    assert_eq!(code, 200);
    assert!(body.contains("a case is a JSON object") && body.contains("\"id\":2,\"status\":\"no_answer\""), "{body}");
    let (_, head, text) = service.ask("GET", "/metrics", "");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    let wanted = "recipec_cases_total{verifier=\"math_answer\",status=\"correct\"} 1";
    assert!(text.lines().any(|line| line == wanted), "{text}");
    assert!(
        text.contains("recipec_requests_total{code=\"200\"}") && text.contains("recipec_waiting_cases 0"),
        "{text}"
    );
    let (code, _, body) = service.ask("GET", "/health", "");
    assert_eq!((code, body.as_str()), (200, r#"{"limit":4096,"status":"ok","waiting":0}"#));
}

#[test]
fn the_service_refuses_what_is_too_much() {
    let service = Service::start(&["--jobs", "1", "--queue", "3", "--max-body", "2000", "--requests", "2"]);
    let case = r#"{"instruction_id": "punctuation:no_comma", "response": "a"}"#;
    let many = |n: usize| format!("[{}]", vec![case; n].join(","));
    assert_eq!(service.ask("POST", "/verify/ifeval", &many(3)).0, 200);
    for (path, body, code, part) in [
        ("/verify/ifeval", many(4), 413, "more than 3 cases"),
        ("/verify/ifeval", "x".repeat(5_000), 413, "longer than 2000 bytes"),
        ("/verify/ifeval", "{".into(), 400, "no JSON"),
        ("/verify/poetry", case.into(), 404, "no domain `poetry`"),
        ("/elsewhere", case.into(), 404, "/verify/DOMAIN"),
    ] {
        let (found, _, said) = service.ask("POST", path, &body);
        assert_eq!(found, code, "{said}");
        assert!(said.contains("{\"error\":\"") && said.contains(part), "{said}");
    }
    // Two requests that do not come to their end take both places.
    let held: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = service.open();
            let head = "POST /verify/ifeval HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n[";
            stream.write_all(head.as_bytes()).expect("sent");
            stream
        })
        .collect();
    let mut refused = None;
    for _ in 0..100 {
        let (code, head, _) = service.ask("POST", "/verify/ifeval", case);
        if code == 429 {
            refused = Some(head);
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(refused.expect("no room").contains("retry-after: 1"));
    assert_eq!(service.ask("GET", "/health", "").0, 200, "health needs no place");
    drop(held);
    let again = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        service.ask("POST", "/verify/ifeval", case).0 == 200
    });
    assert!(again, "a place that was given up is free again");
}

#[cfg(unix)]
#[test]
fn the_service_ends_when_it_is_asked_to() {
    let mut service = Service::start(&[]);
    let case = r#"{"instruction_id": "punctuation:no_comma", "response": "a"}"#;
    assert_eq!(service.ask("POST", "/verify/ifeval", case).0, 200);
    let asked = Command::new("kill").args(["-TERM", &service.process.id().to_string()]).status().expect("kill runs");
    assert!(asked.success());
    let ended = (0..500).find_map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        service.process.try_wait().expect("its state")
    });
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
}
