use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;

/// A request as a server sees it: the head in lower case, and the body.
type Seen = Arc<Mutex<Vec<(String, Json)>>>;

/// What a server does with a request, by its number from 0.
type Play = dyn Fn(usize, &Json, &mut TcpStream) + Send + Sync;

struct Server {
    url: String,
    seen: Seen,
    over: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://").trim_end_matches("/v1"));
    }
}

fn serve(play: impl Fn(usize, &Json, &mut TcpStream) + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let (seen, over) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let server = Server { url, seen: seen.clone(), over: over.clone() };
    let play: Arc<Play> = Arc::new(play);
    std::thread::spawn(move || {
        let number = Arc::new(AtomicUsize::new(0));
        for stream in listener.incoming() {
            if over.load(Ordering::SeqCst) {
                break;
            }
            let Ok(mut stream) = stream else { continue };
            let (seen, play, number) = (seen.clone(), play.clone(), number.clone());
            std::thread::spawn(move || {
                let Some((head, body)) = read(&stream) else { return };
                seen.lock().expect("no panic").push((head, body.clone()));
                play(number.fetch_add(1, Ordering::SeqCst), &body, &mut stream);
            });
        }
    });
    server
}

fn read(stream: &TcpStream) -> Option<(String, Json)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let line = line.trim().to_owned();
        if line.is_empty() {
            break;
        }
        let lower = line.to_ascii_lowercase();
        length = lower.strip_prefix("content-length: ").and_then(|n| n.parse().ok()).unwrap_or(length);
        head.push_str(&line);
        head.push('\n');
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}

fn respond(stream: &mut TcpStream, status: &str, head: &str, body: &str) {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{head}\r\n{body}");
    let _ = stream.write_all(text.as_bytes());
}

fn good(stream: &mut TcpStream, text: &str, reason: &str) {
    let body =
        json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}]});
    respond(stream, "200 OK", "", &body.to_string());
}

fn question(body: &Json) -> String {
    body.pointer("/messages/0/content").and_then(Json::as_str).unwrap_or_default().to_owned()
}

fn endpoint(server: &Server, record: Option<Arc<Record>>) -> Endpoint {
    let address = Address {
        url: server.url.clone(),
        model: "m".into(),
        timeout: Duration::from_millis(700),
        parallel: 3,
        pause: Duration::from_millis(5),
        seed: 42,
    };
    Endpoint::new(address, Some("secret-key-1".into()), record)
}

fn why(server: &Server) -> String {
    let mut said = endpoint(server, None).ask(&["q"], 8);
    said.pop().expect("one").expect_err("no judgement")
}

fn requests(server: &Server) -> usize {
    server.seen.lock().expect("no panic").len()
}

#[test]
fn a_good_server_is_asked_as_the_protocol_says() {
    let server = serve(|_, body, stream| good(stream, &format!("echo {}", question(body)), "stop"));
    let said = endpoint(&server, None).ask(&["a\n\"b\"", "ü"], 17);
    let of = |text: &str| Ok(Judgement { text: text.into(), finished: true });
    assert_eq!(said, [of("echo a\n\"b\""), of("echo ü")]);
    let mut seen = server.seen.lock().expect("no panic");
    seen.sort_by_key(|(_, body)| question(body));
    let (head, body) = &seen[0];
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("authorization: bearer secret-key-1"), "{head}");
    let wanted = json!({
        "model": "m", "messages": [{"role": "user", "content": "a\n\"b\""}], "temperature": 0, "seed": 42,
        "max_tokens": 17, "stream": false,
    });
    assert_eq!(body, &wanted);
}

#[test]
fn a_judgement_at_the_cap_is_not_finished() {
    let server = serve(|_, _, stream| good(stream, "Final Decision: Yes", "length"));
    let said = endpoint(&server, None).ask(&["q"], 4);
    assert_eq!(said, [Ok(Judgement { text: "Final Decision: Yes".into(), finished: false })]);
}

#[test]
fn failures_that_pass_are_asked_again() {
    for failure in [
        "429 Too Many Requests",
        "500 Internal Server Error",
        "503 Service Unavailable",
        "garbage",
        "cut",
        "hang",
        "empty",
    ] {
        let server = serve(move |nth, _, stream| match (nth, failure) {
            (0 | 1, "garbage") => respond(stream, "200 OK", "", "<html>"),
            (0 | 1, "cut") => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"choices\": [");
            }
            (0, "hang") => std::thread::sleep(Duration::from_millis(1_500)),
            (0 | 1, "empty") => {}
            (0 | 1, status) if status != "hang" => respond(stream, status, "Retry-After: 0\r\n", "{}"),
            _ => good(stream, "yes", "stop"),
        });
        let said = endpoint(&server, None).ask(&["q"], 8);
        assert_eq!(said, [Ok(Judgement { text: "yes".into(), finished: true })], "{failure}");
    }
}

#[test]
fn failures_that_stay_are_errors_after_a_bounded_number_of_requests() {
    for (status, tries, part) in [
        ("429 Too Many Requests", 4, "status 429: slow down … please, 4 times"),
        ("502 Bad Gateway", 4, "status 502"),
        ("400 Bad Request", 1, "status 400"),
        ("401 Unauthorized", 1, "status 401"),
        ("302 Found", 1, "status 302"),
    ] {
        let server = serve(move |_, _, stream| {
            let body = json!({"error": {"message": "slow down secret-key-1 please"}}).to_string();
            respond(stream, status, "Location: http://127.0.0.1:1/\r\n", &body);
        });
        let said = why(&server);
        assert!(said.contains(part) && !said.contains("secret"), "{said}");
        assert_eq!(requests(&server), tries, "{status}");
    }
}

#[test]
fn slow_servers_and_strange_answers_are_errors() {
    let cases: [(&str, &str); 5] = [
        ("{\"choices\": []}", "without `choices`"),
        ("{\"choices\": [{\"message\": {\"content\": 3}}]}", "without a message"),
        ("[]", "without `choices`"),
        ("\u{fffd}\u{0}", "no JSON"),
        ("", "no JSON"),
    ];
    for (body, part) in cases {
        let server = serve(move |_, _, stream| respond(stream, "200 OK", "", body));
        let said = why(&server);
        assert!(said.contains(part), "{said}");
    }
    let slow = serve(|_, _, stream| {
        // A byte at a time holds no connection for longer than the limit.
        for _ in 0..200 {
            if stream.write_all(b" ").is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let started = std::time::Instant::now();
    assert!(!why(&slow).is_empty());
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
    let endless = serve(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
        for _ in 0..64 {
            if stream.write_all(chunk.as_bytes()).is_err() {
                return;
            }
        }
    });
    let mut patient = endpoint(&endless, None);
    patient = Endpoint::new(Address { timeout: Duration::from_secs(20), ..patient.address }, None, None);
    let said = patient.ask(&["q"], 8).pop().expect("one").expect_err("too much");
    assert!(said.contains("too much"), "{said}");
    let gone = serve(|_, _, _| {});
    let nobody = endpoint(&gone, None);
    drop(gone);
    std::thread::sleep(Duration::from_millis(50));
    assert!(nobody.ask(&["q"], 8).pop().expect("one").is_err());
}

#[test]
fn requests_at_a_time_are_bounded_and_answers_keep_their_order() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let server = serve(move |nth, body, stream| {
        seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(if nth % 3 == 0 { 60 } else { 10 }));
        // Before the answer: with it the next request may come.
        now.fetch_sub(1, Ordering::SeqCst);
        good(stream, &question(body), "stop");
    });
    let questions: Vec<String> = (0..20).map(|n| format!("q{n}")).collect();
    let questions: Vec<&str> = questions.iter().map(String::as_str).collect();
    let said = endpoint(&server, None).ask(&questions, 8);
    let texts: Vec<String> = said.into_iter().map(|said| said.expect("an answer").text).collect();
    assert_eq!(texts, questions);
    let most = most.load(Ordering::SeqCst);
    assert!((2..=3).contains(&most), "{most} at a time");
}

#[test]
fn what_was_said_is_not_asked_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = || Some(Arc::new(Record::open(folder.path()).expect("a record")));
    let server = serve(|nth, _, stream| match nth {
        1 => respond(stream, "400 Bad Request", "", "{}"),
        _ => good(stream, &format!("number {nth}"), "stop"),
    });
    let first = endpoint(&server, record()).ask(&["q"], 8);
    assert!(endpoint(&server, record()).ask(&["other"], 8)[0].is_err());
    for _ in 0..2 {
        assert_eq!(endpoint(&server, record()).ask(&["q"], 8), first);
    }
    assert_eq!(requests(&server), 2, "a failure is not kept, an answer is");
    assert_ne!(endpoint(&server, record()).ask(&["q"], 9), first, "another cap is another request");
    let text = std::fs::read_to_string(folder.path().join(super::super::record::JUDGEMENTS)).expect("text");
    assert!(text.contains("number 0") && !text.contains("secret-key-1"), "{text}");
}
