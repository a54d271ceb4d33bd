use super::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

fn open(arguments: &[(&str, ArgumentValue)]) -> Result<PythonTests, VerifierError> {
    let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    PythonTests::open(&VerifierSettings { name: NAME.into(), arguments })
}

/// A verifier with so many CPU seconds a test. A machine without a sandbox fails here: that is what it is for.
fn verifier(seconds: f64) -> PythonTests {
    open(&[("timeout", ArgumentValue::Number(seconds))]).unwrap_or_else(|why| panic!("{why}"))
}

fn problem(tests: Json) -> Problem {
    let columns = BTreeMap::from([("tests".to_owned(), tests)]);
    Problem { id: String::new(), level: 0, prompt: String::new(), columns }
}

fn block(program: &str) -> String {
    format!("```python\n{program}\n```")
}

/// The cases of the reference, as they are in the repository.
fn cases() -> Vec<Json> {
    let text = include_str!("../../../../tests/conformance/code.jsonl");
    text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

fn name(status: Status) -> Json {
    serde_json::to_value(status).expect("a name")
}

/// Disputed cases where we decided otherwise, with our status; the book has the reasons.
const DECIDED: [(&str, &str); 1] = [("code-153", "correct")];

#[test]
fn agrees_with_the_reference() {
    let verifier = verifier(2.0);
    let (mut judged, mut wrong) = (0, Vec::new());
    for case in cases().iter().filter(|case| case["hostile"] == false) {
        let verdict = verifier.judge(&problem(case["tests"].clone()), case["completion"].as_str());
        let decided = DECIDED.iter().find(|(id, _)| case["id"] == *id).map(|(_, status)| json!(status));
        assert!(decided.is_none() || case["disputed"] == true, "only disputed cases are decided otherwise");
        if name(verdict.status) != decided.unwrap_or(case["expected"].clone()) {
            wrong.push(format!("{}: {} expected, {verdict:?}", case["id"], case["expected"]));
        }
        if verdict.status == Status::Wrong && case["total"].as_f64() > Some(0.0) {
            let share = case["passed"].as_f64().unwrap_or(0.0) / case["total"].as_f64().unwrap_or(1.0);
            assert_eq!(verdict.score, share, "{}", case["id"]);
        }
        judged += 1;
    }
    assert!(judged > 140 && wrong.is_empty(), "{judged}\n{}", wrong.join("\n"));
}

/// Hostile programs: an accepted status, nothing on the host, no packet, in bounded time.
#[test]
fn hostile_programs_are_judged_and_held() {
    let verifier = verifier(1.0);
    let (tcp, udp) =
        (TcpListener::bind("127.0.0.1:0").expect("a port"), UdpSocket::bind("127.0.0.1:0").expect("a port"));
    tcp.set_nonblocking(true).and(udp.set_nonblocking(true)).expect("sockets");
    let mut judged = 0;
    for case in cases().iter().filter(|case| case["hostile"] == true) {
        let placeholder = case["placeholders"]["{{PORT}}"].as_str().unwrap_or_default();
        let port = if placeholder.contains("UDP") { udp.local_addr() } else { tcp.local_addr() };
        let port = port.expect("bound").port().to_string();
        let completion = case["completion"].as_str().expect("a text").replace("{{PORT}}", &port);
        let absent = || case["absent_paths"].as_array().into_iter().flatten().filter_map(Json::as_str);
        absent().for_each(|path| drop(std::fs::remove_file(path)));
        let begun = Instant::now();
        let verdict = verifier.judge(&problem(case["tests"].clone()), Some(&completion));
        let accepted = case["accept"].as_array().expect("statuses");
        assert!(accepted.contains(&name(verdict.status)), "{}: {verdict:?}", case["id"]);
        assert!(begun.elapsed() < Duration::from_secs(30), "{}: {:?}", case["id"], begun.elapsed());
        absent().for_each(|path| assert!(!std::path::Path::new(path).exists(), "{path}"));
        judged += 1;
    }
    assert!(judged > 30, "{judged}");
    assert!(tcp.accept().is_err() && udp.recv(&mut [0; 8]).is_err());
}

/// Our own cases, of kinds that the reference's have too.
#[test]
fn what_is_not_right_is_told_apart() {
    let verifier = verifier(1.0);
    let script = |input: &str, output: &str| json!({"inputs": [input], "outputs": [output]});
    let call =
        |input: &str, output: &str| json!({"call_type": "fn", "fn_name": "f", "inputs": [input], "outputs": [output]});
    for (program, tests, status) in [
        ("print(sum(map(int, open(0))))", script("1\n2\n", "3"), Status::Correct),
        ("import sys\nsys.exit('bye')", script("", "x"), Status::Wrong),
        ("print(1)\nimport os\nos._exit(5)", script("", "1"), Status::Wrong),
        ("print(1, flush=True)\nimport os\nos._exit(5)", script("", "1"), Status::Correct),
        ("import atexit\natexit.register(print, 1)", script("", "1"), Status::Correct),
        ("import threading\nthreading.Thread(target=print, args=(1,)).start()", script("", "1"), Status::Correct),
        ("import threading\nthreading.Thread(target=lambda: 1/0).start()\nprint(1)", script("", "1"), Status::Wrong),
        ("import sys\nprint(1)\nprint('no exceptions here', file=sys.stderr)", script("", "1"), Status::Wrong),
        (
            "from multiprocessing import Pool\ndef g(x): return x + 1\nif __name__ == '__main__':\n    import os\n    \
          r, w = os.pipe()\n    if os.fork() == 0:\n        os.write(w, b'1'); os._exit(0)\n    os.wait(); print(os.read(r, 1).decode())",
            script("", "1"),
            Status::Correct,
        ),
        (
            "import threading\nt = [threading.Thread(target=lambda: None) for _ in range(40)]\n[x.start() for x in t]; [x.join() for x in t]\nprint(len(t))",
            script("", "40"),
            Status::Correct,
        ),
        (
            "import sys\nsys.setrecursionlimit(10**6)\ndef g(n): return 0 if n == 0 else 1 + g(n - 1)\nprint(g(40000))",
            script("", "40000"),
            Status::Correct,
        ),
        (
            "import sys, threading\nsys.setrecursionlimit(10**6)\nthreading.stack_size(2**27)\nt = threading.Thread(target=lambda: print(1))\nt.start(); t.join()",
            script("", "1"),
            Status::Correct,
        ),
        ("@dataclass\nclass A: x: int = 1\nprint(A())", script("", "A(x=1)"), Status::Wrong),
        (
            "from dataclasses import dataclass\n@dataclass\nclass A: x: int = 1\nprint(A())",
            script("", "A(x=1)"),
            Status::Correct,
        ),
        ("import numpy", script("", ""), Status::Wrong),
        ("x = '\0'\nprint(1)", script("", "1"), Status::Unparsable),
        ("raise SyntaxError", script("", "1"), Status::Unparsable),
        ("import os\nos.kill(os.getpid(), 9)", script("", ""), Status::Wrong),
        ("def f(x): return x", call("[1, [2, {\"a\": null}]]", "[1, [2, {\"a\": null}]]"), Status::Correct),
        (
            "def f(x): return x",
            call("123456789012345678901234567890", "123456789012345678901234567890"),
            Status::Correct,
        ),
        ("def f(x): return 10**5000", call("1", &format!("1{}", "0".repeat(5000))), Status::Correct),
        ("def f(x): return {1: 2}", call("1", "{\"1\": 2}"), Status::Wrong),
        ("def f(x):\n    a = []\n    a.append(a)\n    return a", call("1", "[]"), Status::Wrong),
        (
            "from collections import namedtuple, OrderedDict\ndef f(x): return namedtuple('P', 'a b')(1, 2)",
            call("1", "[1, 2]"),
            Status::Correct,
        ),
        (
            "class S(str):\n    def __eq__(s, o): return True\n    def __hash__(s): return 1\ndef f(x): return S('a')",
            call("1", "\"b\""),
            Status::Wrong,
        ),
        ("def f(x): yield 1", call("1", "[1]"), Status::Wrong),
        ("async def f(x): return 1", call("1", "1"), Status::Wrong),
        ("class Solution:\n    def f(self, x): return x + 1\ndef f(x): return 0", call("1", "2"), Status::Correct),
        ("import os\ndef f(x):\n    os.write(3, b'i2;')\n    os._exit(0)", call("1", "2"), Status::Correct),
        ("import os\ndef f(x):\n    os.write(3, b'i2;')\n    return 2", call("1", "2"), Status::Wrong),
        ("def f(x): return 2\njson = type = len = int = None", call("1", "2"), Status::Correct),
    ] {
        let verdict = verifier.judge(&problem(tests), Some(&block(program)));
        assert_eq!(verdict.status, status, "{program}: {verdict:?}");
        assert!(!verdict.limited, "{program}: {verdict:?}");
    }
}

#[test]
fn limits_are_told() {
    let verifier =
        open(&[("timeout", ArgumentValue::Number(0.3)), ("max_tests", ArgumentValue::Number(2.0))]).expect("open");
    let tests = json!({"inputs": ["", "", ""], "outputs": ["1", "1", "2"]});
    for (program, status) in [
        ("while True: pass", Status::Unparsable),
        ("x = bytearray(10**12)", Status::Wrong),
        ("while True: print('x' * 10**6)", Status::Wrong),
    ] {
        let verdict = verifier.judge(&problem(tests.clone()), Some(&block(program)));
        assert_eq!((verdict.status, verdict.limited), (status, true), "{program}: {verdict:?}");
    }
    // The third test would fail.
    assert_eq!(verifier.judge(&problem(tests.clone()), Some(&block("print(1)"))).status, Status::Correct);
    let long = block(&"#".repeat(LONGEST + 1));
    assert_eq!(verifier.judge(&problem(tests), Some(&long)).status, Status::Unparsable);
    // Many tests that are each within their time, and together are not.
    let many = json!({"inputs": vec![""; 100], "outputs": vec!["1"; 100]});
    let verifier = self::verifier(0.2);
    let busy = "import time\nwhile time.process_time() < 0.15: pass\nprint(1)";
    let verdict = verifier.judge(&problem(many), Some(&block(busy)));
    assert_eq!((verdict.status, verdict.limited), (Status::Unparsable, true), "{verdict:?}");
}

#[test]
fn problems_that_cannot_be_judged_are_errors() {
    let verifier = verifier(1.0);
    let judge = |tests: Json| verifier.judge(&problem(tests), Some(&block("print(1)"))).status;
    assert_eq!(judge(json!(7)), Status::Error);
    assert_eq!(judge(json!({"inputs": [], "outputs": []})), Status::Wrong);
    let none = Problem { columns: BTreeMap::new(), ..problem(json!(null)) };
    assert_eq!(verifier.judge(&none, Some(&block("print(1)"))).status, Status::Error);
    assert_eq!(verifier.judge(&none, None).status, Status::NoAnswer);
    let taco = BTreeMap::from([("input_output".to_owned(), json!("{\"inputs\": [\"\"], \"outputs\": [\"1\"]}"))]);
    let taco = Problem { columns: taco, ..problem(json!(null)) };
    assert_eq!(verifier.judge(&taco, Some(&block("print(1)"))).status, Status::Correct);
}

#[test]
fn arguments_are_checked() {
    for (name, value) in [
        ("timeout", ArgumentValue::Number(0.0)),
        ("timeout", ArgumentValue::Number(f64::NAN)),
        ("max_tests", ArgumentValue::Word("all".into())),
        ("remote", ArgumentValue::Text("https://sandbox".into())),
        ("remote", ArgumentValue::Word("here".into())),
        ("tests", ArgumentValue::Bool(true)),
        ("python", ArgumentValue::Text("python3".into())),
    ] {
        assert!(matches!(open(&[(name, value)]), Err(VerifierError::BadArgument { .. })), "{name}");
    }
}

/// Many threads judge at a time, each in a sandbox of its own.
#[test]
fn answers_are_judged_at_once() {
    let verifier = verifier(5.0);
    let tests = json!({"inputs": ["1", "2"], "outputs": ["2", "3"]});
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let verdict = verifier.judge(&problem(tests.clone()), Some(&block("print(int(input()) + 1)")));
                    assert_eq!(verdict.status, Status::Correct, "{verdict:?}");
                }
            });
        }
    });
}

/// A server that answers one request after another with what it is told to, and gives back the requests.
fn serve(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<Json>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let served = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for answer in answers {
            let (stream, _) = listener.accept().expect("a request");
            seen.push(request(&stream));
            (&stream).write_all(answer.as_bytes()).expect("sent");
        }
        seen
    });
    (address, served)
}

fn request(stream: &TcpStream) -> Json {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

fn plain(body: &Json) -> String {
    let body = body.to_string();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn chunked(body: &Json) -> String {
    let body = body.to_string();
    let (first, rest) = body.split_at(body.len() / 2);
    format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x};a=b\r\n{rest}\r\n0\r\n\r\n",
        first.len(),
        rest.len()
    )
}

fn finished(stdout: &str, stderr: &str, code: i64) -> Json {
    let run =
        json!({"status": "Finished", "execution_time": 0.1, "return_code": code, "stdout": stdout, "stderr": stderr});
    json!({"status": if code == 0 { "Success" } else { "Failed" }, "message": "", "compile_result": null, "run_result": run, "files": {}})
}

fn remote(address: &str) -> PythonTests {
    open(&[("remote", ArgumentValue::Text(address.into()))]).unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn a_remote_sandbox_is_another_backend() {
    let busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_owned();
    let broken = json!({"status": "SandboxError", "message": "x", "run_result": null});
    let late =
        json!({"status": "Failed", "run_result": {"status": "TimeLimitExceeded", "return_code": null, "stdout": "1"}});
    let script = json!({"inputs": ["in"], "outputs": ["out"]});
    let call = json!({"fn_name": "f", "inputs": [[1]], "outputs": [[2]], "call_type": "fn"});
    for (answers, tests, status) in [
        (vec![plain(&finished("out\n", "", 0))], &script, Status::Correct),
        (vec![busy.clone(), plain(&broken), chunked(&finished("other", "", 0))], &script, Status::Wrong),
        (vec![plain(&finished("out\n", "Traceback (most recent call last):\nX", 1))], &script, Status::Wrong),
        (vec![plain(&finished("out\n", "", -11))], &script, Status::Wrong),
        (vec![plain(&late)], &script, Status::Unparsable),
        (vec![busy; 4], &script, Status::Error),
        (vec!["HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".to_owned()], &script, Status::Error),
        (vec!["no HTTP\r\n\r\n".to_owned(); 4], &script, Status::Error),
        (vec![plain(&finished("\nresult of the called function: 69323b\n", "", 0))], &call, Status::Correct),
        (vec![plain(&finished("debug\nresult of the called function: 69323b\n", "", 0))], &call, Status::Wrong),
        (vec![plain(&finished("69323b", "", 0))], &call, Status::Wrong),
    ] {
        let count = answers.len();
        let (address, served) = serve(answers);
        let verdict = remote(&address).judge(&problem(tests.clone()), Some(&block("print('out')")));
        assert_eq!(verdict.status, status, "{verdict:?}");
        let seen = served.join().expect("a server");
        assert_eq!(seen.len(), count);
        for request in seen {
            let code = request["code"].as_str().expect("code");
            assert!(request["language"] == "python" && code.contains("print('out')"));
            assert!(!request.to_string().contains("outputs") && request["run_timeout"] == 10.0);
        }
    }
}

/// The script that a remote sandbox gets does what the local one does: here it is run in the local one.
#[test]
fn the_script_for_a_remote_sandbox_works() {
    let mut worker = Worker::start().unwrap_or_else(|why| panic!("{why}"));
    let limits = Limits::with_cpu(10.0);
    let program = "def f(a, b): return [a, b, \"\u{e9}\\n\"]\nif __name__ == '__main__': print(heappop([1]), end='')";
    for (task, expected) in [
        (Task::Script { input: "" }, "1".to_owned()),
        (Task::Call { name: "f", arguments: &["1".into(), "null".into()] }, {
            let hex: String = "l3:i1;Ns3:\u{e9}\n".bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("1\nresult of the called function: {hex}\n")
        }),
    ] {
        let outcome =
            worker.run(&remote::script(program, task), Task::Script { input: "" }, &limits).expect("an outcome");
        assert_eq!(
            (String::from_utf8_lossy(&outcome.stdout).as_ref(), outcome.stderr.as_slice()),
            (expected.as_str(), &b""[..])
        );
    }
}

/// What a host without a sandbox is told.
#[test]
fn an_interpreter_that_is_not_there_is_told() {
    let why = crate::sandbox::Interpreter::at(&"no-such-python".into()).map(|_| ()).expect_err("none");
    let told = VerifierError::Unavailable { name: NAME.into(), why: why.to_string() }.to_string();
    assert!(
        told.starts_with("verifier `python_tests` cannot run here: there is no CPython: `no-such-python`"),
        "{told}"
    );
}
