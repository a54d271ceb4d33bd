//! Runs that another model judges: one on this machine, and one that a server has. The recipe is General-Reasoner's, with the reward
//! of arXiv 2505.14652.

use candle_core::{Device, Tensor};
use recipec_compiler::diagnostic::Severity;
use recipec_compiler::settings::Architecture;
use recipec_compiler::{FileId, NoFiles, Options, Plan, Source};
use recipec_runtime::error::RunError;
use recipec_runtime::policy::shape::Shape;
use recipec_runtime::policy::{Policy, parameter_shapes};
use recipec_runtime::run;
use recipec_runtime::run_folder::{ROLLOUTS, RunFolder, SampledRollout};
use recipec_runtime::tokenizer::{END, Tokenizer, VOCAB_SIZE, encode};
use recipec_runtime::train::Speed;
use recipec_runtime::world::{Progress, World};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A checkpoint after every step.
const KEEP_ALL: &str = "override checkpoint.every = 1 steps override checkpoint.keep = 10";

struct Quiet {
    folder: PathBuf,
    data: PathBuf,
}

impl World for Quiet {
    fn folder(&self) -> &Path {
        &self.folder
    }
    fn data_folder(&self) -> &Path {
        &self.data
    }
    fn seconds(&self) -> f64 {
        0.0
    }
    fn interrupted(&self) -> bool {
        false
    }
    fn tell(&mut self, _: Progress) {}
}

/// General-Reasoner with its toy settings, judged by `source` as it is published: only the words of the judge are shorter.
fn plan(source: &str, more: &str) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipes/general_reasoner.recipe");
    let text = std::fs::read_to_string(&path).expect("the recipe");
    let judge = "override domain.web.verify      = judge(model = verifier, prompt = \"{answer}?\", accept = \"yes\", output = 8 tokens)";
    let native = "override domain.web.verify      = math_answer(gold = answer, extract = whole)";
    assert!(text.contains(native), "the toy variant has changed");
    let mut text = text.replace(native, judge);
    for (from, to) in [
        ("override model.policy.answer    = after(\"#\")", "override model.policy.answer    = whole"),
        ("override budget.output          = 96 tokens", "override budget.output          = 40 tokens"),
        ("override budget.evaluation      = 96 tokens", "override budget.evaluation      = 16 tokens"),
        ("override budget.steps           = 24 steps", "override budget.steps           = 3 steps"),
        ("override train.batch            = 128 rollouts", "override train.batch            = 32 rollouts"),
        ("override evaluate.every         = 24 steps", "override evaluate.every         = 3 steps"),
        ("override suite.*.problems       = 100 problems", "override suite.*.problems       = 4 problems"),
    ] {
        assert!(text.contains(from), "the toy variant has changed: {from}");
        let more =
            format!("override model.verifier.source = {source} override model.verifier.precision = f32 {more}\n");
        let more = if from.contains("budget.steps") { more } else { String::new() };
        text = text.replace(from, &format!("{to}\n  {more}"));
    }
    let options = Options { variant: Some("toy".into()), ..Options::default() };
    let checked = recipec_compiler::check(Source::new(FileId(0), "test.recipe", text), &NoFiles, &options);
    let wrong = checked.problems.sorted().into_iter().filter(|d| d.severity == Severity::Error);
    let said: Vec<String> = wrong.map(|d| format!("{}: {}", d.code.name(), d.message)).collect();
    assert!(said.is_empty(), "the recipe has problems: {said:#?}");
    let recipe = checked.recipe.expect("a recipe without problems");
    let refused: Vec<String> = recipec_compiler::support::not_yet(&recipe).into_iter().map(|d| d.message).collect();
    assert!(refused.is_empty(), "{refused:?}");
    recipec_compiler::compile(&recipe).expect("a checked recipe compiles").1
}

/// A model with weights by hand that says `yes` where its question holds a 7, and `no` otherwise. One head attends evenly: the mean
/// of the values is the share of sevens, and is written into a dimension of its own. The head looks at that dimension after a `?`, and
/// at the last token everywhere else.
fn sevens(folder: &Path) {
    let width = VOCAB_SIZE + 4;
    let share = VOCAB_SIZE;
    let architecture = Architecture {
        width,
        layers: 1,
        heads: 1,
        kv_heads: 1,
        head_width: width,
        hidden: 2,
        tied: false,
        rope_theta: 10_000.0,
        norm_eps: 1e-5,
    };
    let token = |c: char| encode(&c.to_string()).expect("a token")[0] as usize;
    let tensors =
        parameter_shapes(&Shape::fresh(&architecture, VOCAB_SIZE)).expect("shapes").into_iter().map(|(name, shape)| {
            let count: usize = shape.iter().product();
            let mut values = vec![if shape.len() == 1 { 1.0f32 } else { 0.0 }; count];
            let mut set = |row: usize, column: usize, value: f32| values[row * shape[1] + column] = value;
            if name.contains("embed_tokens") {
                (0..VOCAB_SIZE).for_each(|id| set(id, id, 1.0));
            } else if name.contains("v_proj") {
                set(share, token('7'), 1.0);
            } else if name.contains("o_proj") {
                set(share, share, 10.0);
            } else if name.contains("lm_head") {
                set(token('y'), share, 100.0);
                set(token('n'), token('?'), 5.0);
                for (from, to) in [('y', 'e'), ('e', 's'), ('n', 'o')] {
                    set(token(to), token(from), 1e6);
                }
                for last in ['s', 'o'] {
                    set(END as usize, token(last), 1e6);
                }
            }
            (name, Tensor::from_vec(values, shape, &Device::Cpu).expect("a tensor"))
        });
    let policy =
        Policy::from_tensors(&Shape::fresh(&architecture, VOCAB_SIZE), tensors.collect::<Vec<_>>()).expect("a model");
    policy.save(folder).expect("saved");
    Tokenizer::Characters.save(folder).expect("a tokenizer");
}

fn base(folder: &Path) {
    let architecture = Architecture {
        width: 32,
        layers: 1,
        heads: 1,
        kv_heads: 1,
        head_width: 32,
        hidden: 48,
        tied: true,
        rope_theta: 10_000.0,
        norm_eps: 1e-5,
    };
    Policy::fresh(&architecture, VOCAB_SIZE, 3, &Device::Cpu).expect("a policy").save(folder).expect("saved");
    Tokenizer::Characters.save(folder).expect("a tokenizer");
}

fn run_in(plan: &Plan, folder: &Path, data: &Path, threads: usize) -> Result<(), RunError> {
    let mut world = Quiet { folder: folder.to_path_buf(), data: data.to_path_buf() };
    run::run(plan, &Device::Cpu, Speed { threads }, &mut world).map(|_| ())
}

fn rollouts(folder: &Path) -> Vec<SampledRollout> {
    let file = std::fs::File::open(folder.join(ROLLOUTS)).expect("rollouts");
    let reader = BufReader::new(flate2::read::MultiGzDecoder::new(file));
    reader.lines().map(|line| serde_json::from_str(&line.expect("text")).expect("a rollout")).collect()
}

/// Weights at the end, and every line of metrics.
fn outcome(folder: &Path) -> (String, String) {
    let summary = RunFolder::read(folder).expect("a run folder").summary.expect("a finished run");
    (summary.weights_digest, std::fs::read_to_string(folder.join("metrics.jsonl")).expect("metrics"))
}

/// -0.5 without an answer, else 1 - 0.05 min(10, |answer - reference| in tokens) where the judge accepts, and 0 where it does not.
fn by_hand(rollout: &SampledRollout) -> f64 {
    let reference = rollout.prompt.trim_end_matches('=');
    let value: i64 = reference.split('+').map(|part| part.trim().parse::<i64>().unwrap_or(i64::MIN / 8)).sum();
    match rollout.status.as_str() {
        "no_answer" => -0.5,
        "correct" if reference.contains('+') && value >= 0 => {
            let tokens = value.to_string().len() as f64;
            1.0 - 0.05 * f64::min(10.0, (rollout.response.chars().count() as f64 - tokens).abs())
        }
        "correct" => f64::NAN,
        _ => 0.0,
    }
}

#[test]
fn a_model_on_this_machine_judges() {
    let data = tempfile::tempdir().expect("a folder");
    base(&data.path().join("base"));
    sevens(&data.path().join("judge"));
    let plan = plan("folder(\"judge\")", KEEP_ALL);
    let folders = [1, 2].map(|threads| {
        let folder = tempfile::tempdir().expect("a folder");
        run_in(&plan, folder.path(), data.path(), threads).expect("a run");
        folder
    });
    assert_eq!(outcome(folders[0].path()), outcome(folders[1].path()), "whatever the threads");
    let rollouts = rollouts(folders[0].path());
    let mut seen = [0, 0];
    let mut checked = 0;
    for rollout in &rollouts {
        let accepted = rollout.response.contains('7');
        assert_eq!(rollout.status, if accepted { "correct" } else { "wrong" }, "{}", rollout.response);
        seen[usize::from(accepted)] += 1;
        let (wanted, total) = (by_hand(rollout), rollout.total.expect("a total"));
        if !wanted.is_nan() {
            assert!((wanted - total).abs() < 1e-9, "{wanted} and {total}: {rollout:?}");
            checked += 1;
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0 && checked > 0, "{seen:?} of {}, {checked} by hand", rollouts.len());
    // The judge's weights are part of the run: another judge cannot go on with it.
    base(&data.path().join("judge"));
    let checkpoints = folders[0].path().join("checkpoints");
    remove_newest(&checkpoints);
    let mut world = Quiet { folder: folders[0].path().to_path_buf(), data: data.path().to_path_buf() };
    let why = run::resume(&Device::Cpu, Speed { threads: 1 }, &mut world).expect_err("another judge").to_string();
    assert!(why.contains("`verifier`") && why.contains("not those"), "{why}");
}

fn remove_newest(checkpoints: &Path) {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(checkpoints).expect("checkpoints").map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    assert!(all.len() > 1, "{all:?}");
    std::fs::remove_dir_all(all.pop().expect("one")).expect("removed");
}

/// A server that accepts where the question holds an even number of characters; `fails` is asked first, by the number of the request.
fn serve(fails: fn(usize) -> bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let nth = counted.fetch_add(1, Ordering::SeqCst);
            let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).unwrap_or(0) > 0 && !line.trim().is_empty() {
                let lower = line.to_ascii_lowercase();
                length = lower.strip_prefix("content-length:").and_then(|n| n.trim().parse().ok()).unwrap_or(length);
                line.clear();
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                continue;
            }
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let question = body["messages"][0]["content"].as_str().unwrap_or_default();
            let said = if question.chars().count().is_multiple_of(2) { "Let me see.\nyes" } else { "no" };
            let answer = json!({"choices": [{"message": {"content": said}, "finish_reason": "stop"}]}).to_string();
            let status = if fails(nth) { "503 Busy" } else { "200 OK" };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
            let _ = stream.write_all(format!("{head}{answer}").as_bytes());
        }
    });
    (url, count)
}

#[test]
fn a_model_on_a_server_judges_and_a_resumed_run_does_not_ask_again() {
    let data = tempfile::tempdir().expect("a folder");
    base(&data.path().join("base"));
    let (url, count) = serve(|nth| nth == 2);
    let source = format!("endpoint(\"{url}\", model = \"m\", timeout = 20 s, parallel = 2)");
    let plan = plan(&source, KEEP_ALL);
    let folder = tempfile::tempdir().expect("a folder");
    run_in(&plan, folder.path(), data.path(), 2).expect("a run");
    let whole = outcome(folder.path());
    let statuses: Vec<String> = rollouts(folder.path()).into_iter().map(|rollout| rollout.status).collect();
    assert!(statuses.iter().any(|s| s == "correct") && statuses.iter().any(|s| s == "wrong"), "{statuses:?}");
    let recorded = std::fs::read(folder.path().join("judgements.jsonl")).expect("judgements");
    let asked = count.load(Ordering::SeqCst);
    assert_eq!(
        recorded.iter().filter(|byte| **byte == b'\n').count() + 1,
        asked,
        "one request failed and was made again"
    );
    // Back to an earlier step: the same weights, without a single request.
    remove_newest(&folder.path().join("checkpoints"));
    let mut world = Quiet { folder: folder.path().to_path_buf(), data: data.path().to_path_buf() };
    run::resume(&Device::Cpu, Speed { threads: 2 }, &mut world).expect("a resumed run");
    assert_eq!(outcome(folder.path()), whole);
    assert_eq!(count.load(Ordering::SeqCst), asked);
    assert_eq!(std::fs::read(folder.path().join("judgements.jsonl")).expect("judgements"), recorded);
}

#[test]
fn a_judge_that_cannot_judge_ends_the_run_with_its_reason() {
    let data = tempfile::tempdir().expect("a folder");
    base(&data.path().join("base"));
    let failure = |source: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        run_in(&plan(source, ""), folder.path(), data.path(), 1).expect_err("no judge")
    };
    let why = failure("endpoint(\"http://127.0.0.1:9/v1\", model = \"m\", key = \"RECIPEC_NO_SUCH_KEY\")");
    assert!(why.to_string().contains("environment variable `RECIPEC_NO_SUCH_KEY`"), "{why}");
    let why = failure("folder(\"nothing\")");
    assert!(why.to_string().contains("nothing"), "{why}");
    // A judge that never comes to an end has no judgement.
    base(&data.path().join("judge"));
    let why = failure("folder(\"judge\")");
    assert!(matches!(why, RunError::VerifiersFail { .. }) && why.to_string().contains("not finished"), "{why}");
}
