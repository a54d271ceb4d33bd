//! No text makes a verifier panic, hang or take much memory.
//!
//! Random and hostile answers go through every verifier that opens, with problems from `tests/conformance`. The ordinary
//! suite has 2,000 of them, the slow one 10,000 and answers of 10 MB:
//!
//!     cargo test --release -p recipec-runtime --test verifiers_hold -- --ignored --nocapture

use recipec_runtime::verify::Status;
use recipec_runtime::verify::cases::{Case, Domain, Judge};
use serde_json::{Value, json};
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts the bytes that are in use, and the most that ever were.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator unchanged; only sizes are added up beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` above with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most memory beside what was in use before an answer.
const MOST_BYTES: usize = 200 << 20;

/// Longest time for one answer. Unoptimised code on a busy machine is given more.
const LONGEST: Duration = if cfg!(debug_assertions) { Duration::from_secs(30) } else { Duration::from_secs(1) };

/// A small generator of numbers: the same texts on every machine.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() as usize) % n.max(1)
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items.get(self.below(items.len())).copied().unwrap_or_default()
    }
}

/// Pieces that one or another verifier looks for.
const PIECES: &[&str] = &[
    "\\boxed{",
    "}",
    "{",
    "\\frac",
    "\\sqrt[",
    "^",
    "_",
    "9^{9^{9^9}}",
    "9^9^9^9",
    "$",
    "\\(",
    "\\left(",
    "\\begin{pmatrix}",
    "&",
    "\\\\",
    "10^{100000}",
    "!",
    "\\int_0^1",
    "\\sum_{n=1}^{10^9}",
    "\\binom{10^6}{5}",
    "\\%",
    "0.",
    "1e400",
    "\\cup",
    "[",
    "]",
    "(",
    ")",
    ",",
    "=",
    "answer is",
    "\\text{",
    "<tool_calls>",
    "</tool_calls>",
    "{\"name\":",
    "\"arguments\":",
    "NaN",
    "\\ud800",
    "[[",
    "]]",
    "((",
    "```python\n",
    "```",
    "```json\n",
    "\n\n",
    "***",
    "******",
    "<<",
    ">>",
    "* ",
    "- ",
    "**",
    ".",
    "...",
    "?!",
    "\"",
    "'",
    "P.S.",
    "U.S.",
    "Dr. ",
    "[BEGIN FINAL RESPONSE]",
    "[END FINAL RESPONSE]",
    "f(a=",
    "lambda: ",
    "not ",
    "--",
    "0x",
    "b'",
    "def f(x):\n",
    " return ",
    "for i in ",
    "while True:",
    "x",
    "a",
    "1",
    "999999999999999999999999",
    "é",
    "字",
    "\u{0}",
    "\u{202e}",
    "\u{301}",
    "\u{fffd}",
    "ǅ",
    " ",
    "\t",
    "\r\n",
    "the ",
];

fn text(draws: &mut Draws) -> String {
    match draws.below(10) {
        0 => (0..draws.below(400)).filter_map(|_| char::from_u32(draws.next() as u32 % 0x11_0000)).collect(),
        1 => draws.pick(PIECES).repeat(draws.below(20_000)),
        2 => {
            let (open, close) = (draws.pick(PIECES), draws.pick(PIECES));
            let depth = draws.below(5_000);
            format!("{}{}{}", open.repeat(depth), draws.pick(PIECES), close.repeat(depth))
        }
        3 => format!("\\boxed{{{}}}", pieces(draws, 12)),
        4 => format!("<tool_calls>{}</tool_calls>", pieces(draws, 30)),
        5 => format!("```python\n{}\n```", pieces(draws, 40)),
        // Bytes that are no UTF-8 reach a verifier with their places marked.
        6 => {
            let bytes: Vec<u8> = (0..draws.below(2_000)).map(|_| draws.next() as u8).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => pieces(draws, 60),
    }
}

fn pieces(draws: &mut Draws, most: usize) -> String {
    (0..draws.below(most)).map(|_| draws.pick(PIECES)).collect()
}

/// Problems of every verifier: a spread of the labelled ones, and some of verifiers without a file.
fn problems() -> Vec<(Domain, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance");
    let mut problems = Vec::new();
    for (name, file) in
        [("math", "math"), ("ifeval", "ifeval"), ("logic", "logic"), ("fn_calling", "fn_calling"), ("code", "code")]
    {
        let domain = Domain::named(name).expect("a domain");
        // A verifier that this machine cannot run judges nothing.
        if Judge::new(domain, BTreeMap::new()).open().is_err() {
            println!("{name} does not run here");
            continue;
        }
        let Ok(text) = std::fs::read_to_string(folder.join(format!("{file}.jsonl"))) else { continue };
        let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let step = (rows.len() / 80).max(1);
        problems.extend(rows.into_iter().step_by(step).map(|row| (domain, row)));
    }
    for extract in ["boxed", "any", "whole"] {
        for gold in ["5", "\\frac{1}{2}", "x^2+1", "\\{1,2\\}", "(0,1]", "\\boxed{\\sqrt{2}}"] {
            problems.push((Domain::Math, json!({"gold": gold, "arguments": {"extract": extract}})));
        }
    }
    let game = json!({"pairs": [["A", "B"], ["B", "C"]]});
    problems.push((Domain::Logic, json!({"task": "ordering", "game_data": game})));
    problems.push((Domain::SmallPrograms, json!({"tests": [{"input": [3], "output": 6}]})));
    let call = json!({"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}, "required": ["a"]}});
    for format in ["json", "python", "tool_calls"] {
        let arguments = json!({"format": format});
        problems.push((
            Domain::FnCalling,
            json!({"functions": [call], "ground_truth": [{"f": {"a": [1]}}], "arguments": arguments}),
        ));
    }
    problems
}

/// Problems whose own data are traps: patterns that take exponential time elsewhere, long lists, deep and wide JSON.
fn trapped_problems() -> Vec<(Domain, Value)> {
    let patterns = [
        "(a+)+$",
        "(a|a)*b",
        "(.*)*x",
        "((a{1,100}){1,100}){1,100}",
        "a{1000}{1000}",
        "(?:a?){5000}a{5000}",
        "(a)\\1*b",
        "[a-z]{0,100000}",
        "(?=a)(a+)+b",
        "(?<=a)b",
        "[",
        "a**",
        "(x+x+)+y",
        "(.*?,){30}P",
        "\\p{L}{1,1000}",
        "(.*)\\1c",
        "(a{0,1000})(?:\\1)*c",
    ];
    let mut patterns: Vec<String> = patterns.map(str::to_owned).to_vec();
    patterns.extend([
        format!("{}a{}", "(".repeat(5_000), ")".repeat(5_000)),
        "a|".repeat(50_000),
        "\\w{1,999}".repeat(20),
    ]);
    let mut problems = Vec::new();
    for pattern in patterns {
        for (id, kwargs) in [
            ("keywords:existence", json!({"keywords": [pattern]})),
            ("keywords:frequency", json!({"keyword": pattern, "frequency": 1, "relation": "at least"})),
            ("keywords:forbidden_words", json!({"forbidden_words": [pattern]})),
            ("detectable_content:postscript", json!({"postscript_marker": pattern})),
            ("detectable_format:multiple_sections", json!({"section_spliter": pattern, "num_sections": 2})),
        ] {
            problems.push((Domain::Ifeval, json!({"instruction_id": id, "kwargs": kwargs})));
        }
    }
    // A thousand constraints of one problem, each as slow as it may be.
    let many = |id: &str, kwargs: Value| {
        let (ids, kwargs) = (vec![id; 1_000], vec![kwargs; 1_000]);
        (Domain::Ifeval, json!({"kind": "response", "instruction_id_list": ids, "kwargs": kwargs}))
    };
    problems.push(many("keywords:existence", json!({"keywords": ["(a+)+$"]})));
    for (id, kwargs) in [
        ("detectable_format:number_bullet_lists", json!({"num_bullets": 3})),
        ("length_constraints:number_sentences", json!({"num_sentences": 3, "relation": "at least"})),
        ("length_constraints:number_words", json!({"num_words": 3, "relation": "at least"})),
        ("language:response_language", json!({"language": "de"})),
        ("keywords:palindrome", json!({})),
    ] {
        problems.push(many(id, kwargs));
    }
    let long = "a b ".repeat(50_000);
    for (id, kwargs) in [
        ("copy:repeat_phrase", json!({"phrase": "a b", "small_n": 3})),
        ("copy:copying_multiple", json!({"prompt_to_repeat": long, "N": 3})),
        ("combination:repeat_prompt", json!({"prompt_to_repeat": long})),
        ("new:copy_span_idx", json!({"prompt_to_repeat": long, "n_start": 3, "n_end": 190_000})),
        ("keywords:existence", json!({"keywords": vec!["a"; 20_000]})),
        (
            "keywords:forbidden_words",
            json!({"forbidden_words": (0..5_000).map(|n| format!("z{n}")).collect::<Vec<_>>()}),
        ),
    ] {
        problems.push((Domain::Ifeval, json!({"instruction_id": id, "kwargs": kwargs})));
    }
    let description = json!({"name": "f", "parameters": {"type": "dict", "properties": {
        "a": {"type": "integer"}, "l": {"type": "array", "items": {"type": "string"}}, "d": {"type": "dict"}},
        "required": ["a"]}});
    let many: Vec<Value> =
        (0..2_000).map(|n| json!({"f": {"a": [n], "l": [["x"], ""], "d": [{"k": ["v", ""]}, ""]}})).collect();
    for category in ["parallel", "simple_python", "simple_java", "simple_javascript"] {
        let case = json!({"category": category, "functions": [description], "ground_truth": many});
        problems.push((Domain::FnCalling, case));
    }
    for gold in [
        "9^{9^{9^{9}}}",
        "(x+y+z+w)^{200}",
        "\\sum_{n=1}^{10^{12}}\\frac{1}{n^{2}+\\sin n}",
        "((((9!)!)!)!)!",
        "\\binom{10^{50}}{10^{49}}",
        "\\lim_{x\\to 0}\\frac{\\sin x - x}{x^{30}}",
        "\\int_0^1\\int_0^1\\int_0^1 e^{x y z}\\,dx\\,dy\\,dz",
    ] {
        problems.push((Domain::Math, json!({"gold": format!("\\boxed{{{gold}}}")})));
    }
    problems
}

/// Answers that are long where a checker may be quadratic.
fn trapped_answers(longest: usize) -> Vec<String> {
    let calls = |n: usize| {
        let call = |at: usize| format!("{{\"name\":\"f\",\"arguments\":{{\"a\":{at}}}}}");
        format!("<tool_calls>[{}]</tool_calls>", (0..n).rev().map(call).collect::<Vec<_>>().join(","))
    };
    let boxed = |text: &str| format!("\\boxed{{{text}}}");
    let mut answers = vec![calls(2_000), calls(2_001), calls(longest / 40)];
    answers.extend(
        ["(x+1)(x-1)".repeat(85), "[1,2]\\cup".repeat(99) + "[1,2]", "1\\pm ".repeat(99) + "1", "\\%".repeat(400)]
            .map(|t| boxed(&t)),
    );
    answers.extend([
        boxed("9^{9^{9^{9}}}"),
        boxed("(x+y+z+w)^{200}"),
        boxed(&"7".repeat(900)),
        boxed(&"\\text{a}".repeat(120)),
    ]);
    for piece in [
        "a",
        "a ",
        "a. ",
        ".",
        "U.S. ",
        "\"",
        "***\n",
        "a\n\n",
        "[",
        "<<",
        "-",
        "* x\n",
        "'s ",
        "e.g. ",
        "AB ",
        "<tool_calls>",
        "{\"a\":",
        "\\boxed{",
        "answer is $1$ ",
        "```python\n[[1]]\n```\n",
        "[(1,2),(3,4)]",
        "1+1=",
        "[[1,2],[3,4]]\n",
        "**yes** ",
        "\\u00e9",
    ] {
        answers.push(piece.repeat(longest / piece.len()));
    }
    answers
}

/// The slowest answer and the most memory of a domain.
type Worst = BTreeMap<Domain, (Duration, usize)>;

/// Judges an answer to a problem within the bounds.
fn judge(judge: &mut Judge, domain: Domain, problem: &Value, answer: &str, worst: &mut Worst) {
    let mut case = Case::read(domain, problem).expect("a case");
    case.answer = Some(answer.to_owned());
    let before = IN_USE.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let started = Instant::now();
    let verdict = judge.judge(&case);
    let (took, most) = (started.elapsed(), MOST.load(Ordering::Relaxed).saturating_sub(before));
    let start: String = answer.chars().take(80).collect();
    let what = || format!("{domain:?} {:?}, {} bytes: {start:?}", case.problem.id, answer.len());
    let (slowest, largest) = worst.entry(domain).or_default();
    (*slowest, *largest) = ((*slowest).max(took), (*largest).max(most));
    assert!(took < LONGEST, "{took:?} for {}", what());
    assert!(most < MOST_BYTES, "{} MiB for {}", most >> 20, what());
    assert!((0.0..=1.0).contains(&verdict.score), "{verdict:?} for {}", what());
    assert!(verdict.status != Status::Correct || verdict.score == 1.0, "{verdict:?} for {}", what());
}

/// One test at a time: memory is that of the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn run(answers: usize, longest: usize) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let problems = problems();
    assert!(problems.len() > 150, "{} problems", problems.len());
    let mut judges = BTreeMap::new();
    let mut worst = Worst::new();
    let mut draws = Draws(7);
    for _ in 0..answers {
        let answer = text(&mut draws);
        let (domain, problem) = problems.get(draws.below(problems.len())).expect("in range");
        let domain_judge = judges.entry(*domain).or_insert_with(|| Judge::new(*domain, BTreeMap::new()));
        judge(domain_judge, *domain, problem, &answer, &mut worst);
    }
    // Long ones, to every problem of another kind.
    for piece in ["a", "[", "\\frac{", "((", "x ", "9", "\\boxed{1}", "{\"a\":", "a. ", "\n", "```python\n", "*", "é"]
    {
        let answer = piece.repeat(longest / piece.len());
        for (at, (domain, problem)) in problems.iter().enumerate().filter(|(at, _)| at % 7 == 0) {
            let domain_judge = judges.entry(*domain).or_insert_with(|| Judge::new(*domain, BTreeMap::new()));
            judge(domain_judge, *domain, problem, &answer, &mut worst);
            if cfg!(debug_assertions) && at > 100 {
                break;
            }
        }
    }
    // Traps against traps, and against every kind of ordinary problem.
    let ordinary = problems.iter().step_by(if answers < 10_000 { 29 } else { 3 });
    let trapped = trapped_problems();
    let all: Vec<&(Domain, Value)> = trapped.iter().chain(ordinary).collect();
    let mut judged = 0;
    for (nth, answer) in trapped_answers(longest).iter().enumerate() {
        // The ordinary suite gives every answer to one in fifteen of them, and every one of them some answer.
        for (domain, problem) in
            all.iter().enumerate().filter(|(at, _)| answers >= 10_000 || at % 15 == nth % 15).map(|(_, p)| p)
        {
            let domain_judge = judges.entry(*domain).or_insert_with(|| Judge::new(*domain, BTreeMap::new()));
            judge(domain_judge, *domain, problem, answer, &mut worst);
            judged += 1;
        }
    }
    println!("{answers} random answers, {judged} traps of up to {longest} bytes");
    for (domain, (took, most)) in worst {
        println!(
            "{}: slowest {:.0} ms, most memory {:.0} MiB",
            domain.verifier(),
            took.as_secs_f64() * 1e3,
            most as f64 / 1048576.0
        );
    }
}

#[test]
fn every_verifier_holds() {
    run(2_000, 100_000);
}

#[test]
#[ignore = "minutes without optimisation: cargo test --release -p recipec-runtime --test verifiers_hold -- --ignored"]
fn every_verifier_holds_for_long() {
    run(10_000, 10 << 20);
}
