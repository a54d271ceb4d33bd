//! Identity and state of runs, from outside: locks, where a run came from, what refuses to resume, forks, replays, the probe, kills.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const TINY: &str = include_str!("fixtures/tiny.recipe");

fn recipec(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipec"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1").output().expect("the program starts")
}

/// Exit code, standard output and standard error.
fn said(args: &[&str], folder: &Path) -> (i32, String, String) {
    let output = recipec(args, folder);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn done(args: &[&str], folder: &Path) -> String {
    let (code, out, err) = said(args, folder);
    assert_eq!(code, 0, "{args:?}\n{out}\n{err}");
    out
}

/// The command ends with a code and says every one of these.
#[track_caller]
fn refused(args: &[&str], folder: &Path, expected: i32, words: &[&str]) -> String {
    let (code, out, err) = said(args, folder);
    assert_eq!(code, expected, "{args:?}\n{out}\n{err}");
    for word in words {
        assert!(err.contains(word), "{args:?} does not say `{word}`:\n{err}");
    }
    err
}

fn write(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    std::fs::write(path, text).expect("a file is written");
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn json(path: impl AsRef<Path>) -> serde_json::Value {
    serde_json::from_slice(&read(path)).expect("JSON")
}

/// Changes one thing in a file.
#[track_caller]
fn change(path: impl AsRef<Path>, from: &str, to: &str) {
    let text = String::from_utf8(read(&path)).expect("text");
    assert!(text.contains(from), "no `{from}` in {text}");
    write(path, text.replacen(from, to, 1));
}

/// The tiny recipe with rows of a file in one domain, and a checkpoint after every step.
fn with_rows(folder: &Path) -> PathBuf {
    let rows: String = (0..60).map(|n| format!("{{\"prompt\":\"{n}+{n}=\",\"answer\":\"{}\"}}\n", 2 * n)).collect();
    write(folder.join("rows.jsonl"), rows);
    let text = TINY.replacen("builtin(\"arithmetic\")", "file(\"rows.jsonl\")", 1);
    let head = text.split("stage warm_start").next().expect("the part before the stages");
    let path = folder.join("a.recipe");
    let head = head.replacen("every = 2 steps  keep = 2", "every = 1 steps  keep = 20", 1);
    write(&path, format!("{head}\nvariant no_penalty {{ override reward.total = outcome }}\n"));
    path
}

/// The tiny recipe with a checkpoint after every step.
fn plain(folder: &Path) -> PathBuf {
    let path = folder.join("a.recipe");
    write(&path, TINY.replacen("every = 2 steps  keep = 2", "every = 1 steps  keep = 20", 1));
    path
}

#[track_caller]
fn same(a: &Path, b: &Path) {
    for name in ["metrics.jsonl", "evaluations.jsonl"] {
        assert!(read(a.join(name)) == read(b.join(name)), "{name} differs");
    }
    let digest = |run: &Path| json(run.join("summary.json"))["weights_digest"].clone();
    assert_eq!(digest(a), digest(b));
}

#[test]
fn a_lock_holds_everything_outside_of_the_recipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let recipe = with_rows(here);
    refused(&["check", "--locked", "a.recipe"], here, 1, &["recipe::run::no_lock", "a.lock", "recipec lock"]);
    done(&["lock", "a.recipe"], here);
    let lock = json(here.join("a.lock"));
    assert_eq!((lock["recipe"].as_str(), lock["edition"].as_i64()), (Some("tiny"), Some(2026)));
    let digest = blake3::hash(&read(here.join("rows.jsonl"))).to_hex().to_string();
    assert_eq!(lock["data"]["file(\"rows.jsonl\")"], format!("blake3 {digest}"));
    let generator = lock["data"]["builtin(\"calls\")"].as_str().expect("a digest");
    assert!(generator.starts_with("generator, version "), "{generator}");
    done(&["check", "--locked", "a.recipe"], here);
    // Comments and layout are no difference, and a lock is written the same way every time.
    let before = read(here.join("a.lock"));
    change(&recipe, "param seed", "// a remark\nparam   seed");
    done(&["check", "--locked", "a.recipe"], here);
    done(&["lock", "a.recipe"], here);
    assert_eq!(read(here.join("a.lock")), before);
    // A value of the recipe.
    let hash = lock["hash"].as_str().expect("a hash");
    refused(
        &["check", "--locked", "a.recipe", "--set", "seed=2"],
        here,
        1,
        &["recipe::run::locked", "the recipe's hash", &format!("locked {hash}"), "found"],
    );
    // One byte of the rows.
    change(here.join("rows.jsonl"), "\"7+7=\"", "\"7-7=\"");
    let words = ["recipe::run::locked", "data file(\"rows.jsonl\")", digest.as_str()];
    refused(&["check", "--locked", "a.recipe"], here, 1, &words);
    refused(&["run", "--locked", "a.recipe"], here, 1, &words);
    assert!(!here.join("runs").exists(), "nothing is made");
    change(here.join("rows.jsonl"), "\"7-7=\"", "\"7+7=\"");
    // The lock itself.
    change(here.join("a.lock"), "\"edition\": 2026", "\"edition\": ");
    refused(&["run", "--locked", "a.recipe"], here, 1, &["recipe::run::bad_lock", "a.lock`:", "help:"]);
    write(here.join("a.lock"), &before);
    change(here.join("a.lock"), "\"program\": \"recipec ", "\"program\": \"recipec 9.");
    refused(&["check", "--locked", "a.recipe"], here, 1, &["program", "recipec 9."]);
    // A variant has a lock of its own.
    done(&["lock", "a.recipe", "--variant", "no_penalty"], here);
    done(&["check", "--locked", "a.recipe", "--variant", "no_penalty"], here);
    refused(&["lock", "nothing.recipe"], here, 2, &["cannot read"]);
    std::fs::remove_file(here.join("rows.jsonl")).expect("a removal");
    refused(&["lock", "a.recipe"], here, 3, &["recipe::run::data", "rows.jsonl"]);
}

#[test]
fn the_python_of_the_sandbox_is_locked() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let recipe = with_rows(here);
    change(&recipe, "verify = math_answer(gold = answer, extract = whole)", "verify = python_tests(tests = answer)");
    done(&["lock", "a.recipe"], here);
    let python = json(here.join("a.lock"))["python"].as_str().expect("a version").to_string();
    assert!(python.starts_with("CPython 3."), "{python}");
    change(here.join("a.lock"), &python, "CPython 3.0.0");
    refused(&["check", "--locked", "a.recipe"], here, 1, &["Python of the sandbox", "locked CPython 3.0.0", &python]);
}

#[test]
fn files_of_a_model_are_locked() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    plain(here);
    done(&["run", "a.recipe", "--into", "first"], here);
    let fresh = TINY.lines().find(|line| line.contains("source    = fresh")).expect("a source");
    let text = TINY.replacen(fresh, "  source    = folder(\"base\")", 1);
    write(here.join("b.recipe"), text);
    std::fs::rename(here.join("first/checkpoints/step-10"), here.join("base")).expect("a base");
    done(&["lock", "b.recipe"], here);
    let files: Vec<String> =
        json(here.join("b.lock"))["models"]["policy"].as_object().expect("files").keys().cloned().collect();
    assert_eq!(files, ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]);
    done(&["check", "--locked", "b.recipe"], here);
    let mut weights = read(here.join("base/model.safetensors"));
    let last = weights.len() - 1;
    weights[last] ^= 1;
    write(here.join("base/model.safetensors"), weights);
    refused(&["check", "--locked", "b.recipe"], here, 1, &["model policy, model.safetensors"]);
}

#[test]
fn a_run_says_whence_it_came_and_refuses_to_go_on_with_something_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let recipe = with_rows(here);
    done(&["lock", "a.recipe"], here);
    done(&["run", "--locked", "a.recipe", "--into", "r", "--device", "cpu"], here);
    let hash = done(&["hash", "a.recipe"], here);
    for place in ["r", "r/checkpoints/step-3"] {
        let text = done(&["whence", place], here);
        for word in [hash.trim(), "recipec 0.", "cpu (as asked)", "run --locked a.recipe"] {
            assert!(text.contains(word), "{place} does not say `{word}`:\n{text}");
        }
        let found: serde_json::Value = serde_json::from_str(&done(&["whence", "--json", place], here)).expect("JSON");
        assert_eq!(found["origin"]["lock"], blake3::hash(&read(here.join("a.lock"))).to_hex().to_string());
        assert_eq!(found["origin"]["locked"], true);
    }
    let report: serde_json::Value = serde_json::from_str(&done(&["report", "--json", "r"], here)).expect("JSON");
    assert_eq!(report["origin"]["recipe_hash"], hash.trim());
    let page = String::from_utf8(read(here.join("r/report.html"))).expect("text");
    assert!(page.contains(hash.trim()) && page.contains("Lock of the inputs"));
    assert_eq!(blake3::hash(&read(here.join("r/identity.txt"))).to_hex().to_string(), hash.trim());
    refused(&["whence", "."], here, 2, &["neither a run folder nor a checkpoint"]);

    let mut later: Vec<PathBuf> = (4..=6).map(|step| here.join(format!("r/checkpoints/step-{step}"))).collect();
    later.drain(..).for_each(|path| std::fs::remove_dir_all(path).expect("a removal"));
    // The rows, the recipe, the plan, the lock and the origin, each changed and put back.
    let code = "recipe::run::other_inputs";
    change(here.join("rows.jsonl"), "\"7+7=\"", "\"7-7=\"");
    refused(&["resume", "r"], here, 3, &[code, "data file(\"rows.jsonl\")", "fork"]);
    change(here.join("rows.jsonl"), "\"7-7=\"", "\"7+7=\"");
    change(&recipe, "lr = 1e-3", "lr = 2e-3");
    refused(
        &["resume", "r"],
        here,
        3,
        &[code, "the recipe's hash", "main/optimizer.adamw.lr", "is  0.002", "--as-begun"],
    );
    change(&recipe, "lr = 2e-3", "lr = 1e-3");
    change(here.join("r/plan.json"), "\"lr\": 0.001", "\"lr\": 0.002");
    refused(
        &["resume", "r"],
        here,
        3,
        &["recipe::run::other_plan", "optimizer.kind.adamw.lr", "was 0.001", "is  0.002"],
    );
    change(here.join("r/plan.json"), "\"lr\": 0.002", "\"lr\": 0.001");
    change(here.join("r/recipe.lock"), "\"edition\": 2026", "\"edition\": 2027");
    refused(&["resume", "r"], here, 3, &["recipe::run::damaged_file", "recipe.lock"]);
    change(here.join("r/recipe.lock"), "\"edition\": 2027", "\"edition\": 2026");
    // Another kind of machine, as a checkpoint from elsewhere would have it: the seal is of this program, so only the origin differs.
    let lock = json(here.join("r/origin.json"))["lock"].as_str().expect("a digest").to_string();
    std::fs::rename(here.join("r/recipe.lock"), here.join("kept.lock")).expect("a move");
    change(here.join("r/origin.json"), &lock, "0000");
    refused(&["resume", "r"], here, 3, &[code, "the lock of the inputs", &lock, "is  0000"]);
    change(here.join("r/origin.json"), "\"lock\": \"0000\"", &format!("\"lock\": \"{lock}\""));
    std::fs::rename(here.join("kept.lock"), here.join("r/recipe.lock")).expect("a move");
    // As it was, it goes on; once more, and there is nothing left.
    done(&["resume", "r"], here);
    assert!(done(&["resume", "r"], here).contains("nothing was left to do"));
    // With the recipe as it began, although the file has changed.
    change(&recipe, "lr = 1e-3", "lr = 2e-3");
    done(&["resume", "r", "--as-begun"], here);
}

#[test]
fn a_fork_goes_on_from_a_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    plain(here);
    done(&["run", "a.recipe", "--into", "r"], here);
    // The same recipe: the same bits as the run itself.
    let text = done(&["fork", "r@7", "--into", "same"], here);
    assert!(text.contains("as if it had never ended"), "{text}");
    same(&here.join("r"), &here.join("same"));
    let origin = &json(here.join("same/origin.json"))["forked_from"];
    assert_eq!((origin["run"].as_str(), origin["step"].as_u64()), (Some("r"), Some(7)));
    assert!(done(&["whence", "same"], here).contains("forked from       r@7"));
    // A fork is replayed from where it began.
    assert!(done(&["replay", "same"], here).contains("the same, bit for bit: 3 steps"));
    // Another recipe: the stage goes on, and what has no place is said.
    let text = done(&["fork", "r@7", "--into", "other", "--set", "gamma=0.25", "--variant", "with_kl"], here);
    for words in [
        "weights            kept",
        "stage and steps    kept: `reinforce` goes on from step 3",
        "moments            kept",
        "none was kept",
    ] {
        assert!(text.contains(words), "`{words}` is not in\n{text}");
    }
    let lines = String::from_utf8(read(here.join("other/metrics.jsonl"))).expect("text");
    assert!(lines.starts_with("{\"schema\":1,\"stage\":\"reinforce\",\"step\":4,"), "{lines}");
    assert_eq!(lines.lines().count(), 3);
    let report: serde_json::Value = serde_json::from_str(&done(&["report", "--json", "other"], here)).expect("JSON");
    let (base, end) = (&report["base"]["cap"]["macro"], &report["final"]["cap"]["macro"]);
    assert!(base["mean_tokens"].is_number() && end["mean_tokens"].is_number() && base != end, "{report}");
    // Another seed: the rows begin anew.
    let text = done(&["fork", "r@9", "--into", "seed", "--set", "seed=2"], here);
    assert!(text.contains("data position      anew"), "{text}");
    // Nothing left to do is said.
    assert!(done(&["fork", "r", "--into", "end"], here).contains("nothing was left to do"));
    refused(&["fork", "r@77"], here, 3, &["recipe::run::cannot_fork", "1, 2, 3"]);
    refused(&["fork", "r@best"], here, 3, &["no best checkpoint"]);
    refused(&["fork", "r@seven"], here, 2, &["`seven` is no step"]);
    refused(&["fork", "nowhere@7"], here, 2, &["not a run folder"]);
    write(here.join("wide.recipe"), TINY.replacen("width = 32", "width = 48", 1));
    refused(&["fork", "r@7", "wide.recipe", "--into", "wide"], here, 3, &["recipe::run::cannot_fork", "another shape"]);
    assert!(!here.join("wide").exists());
}

/// Adapters and weights of 16 bits go on from checkpoints as all weights do.
#[test]
fn adapters_and_narrow_weights_go_on_too() {
    for (line, changed) in
        [("train     = full", "train     = lora { rank = 4 }"), ("precision = f32", "precision = bf16")]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        change(plain(here), line, changed);
        done(&["run", "a.recipe", "--into", "r", "--record"], here);
        done(&["fork", "r@7", "--into", "fork"], here);
        same(&here.join("r"), &here.join("fork"));
        assert!(done(&["replay", "r"], here).contains("the same, bit for bit: 10 steps"), "{changed}");
        assert!(done(&["replay", "fork"], here).contains("the same, bit for bit: 3 steps"), "{changed}");
        // Other weights are trained from here on: the moments are of others.
        let text = String::from_utf8(read(here.join("a.recipe"))).expect("text");
        write(here.join("all.recipe"), text.replacen(changed, line, 1));
        let text = done(&["fork", "r@7", "all.recipe", "--into", "all"], here);
        assert!(text.contains("weights            kept"), "{text}");
    }
}

#[test]
fn a_replay_is_the_same_or_names_the_first_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    plain(here);
    done(&["run", "a.recipe", "--into", "r", "--record"], here);
    done(&["run", "a.recipe", "--into", "bare", "--no-probe", "--threads", "1"], here);
    // Neither record nor probe nor threads change a bit.
    same(&here.join("r"), &here.join("bare"));
    assert!(!here.join("bare/record").exists());
    assert_eq!(
        std::fs::read_dir(here.join("r/record")).expect("a record").count(),
        6,
        "one file for each step that samples"
    );
    let text = done(&["replay", "r"], here);
    assert!(text.contains("10 steps and 3 evaluations, from the recorded rollouts; weights"), "{text}");
    assert!(done(&["replay", "bare"], here).contains("10 steps and 3 evaluations, by sampling again"), "{text}");
    let left: Vec<_> = std::fs::read_dir(here.join("r")).expect("a folder").flatten().collect();
    assert!(!left.iter().any(|entry| entry.file_name().to_string_lossy().starts_with(".replay")), "{left:?}");
    // One number of the metrics, of the evaluations, of the weights.
    let metrics = String::from_utf8(read(here.join("bare/metrics.jsonl"))).expect("text");
    let line = metrics.lines().nth(6).expect("a line");
    let value = line.split("\"lr\":").nth(1).and_then(|rest| rest.split(',').next()).expect("a rate");
    write(here.join("bare/metrics.jsonl"), metrics.replacen(line, &line.replacen(value, "7e-7", 1), 1));
    let words =
        ["recipe::run::replay_differs", "after 6 steps", "step 3 of stage `reinforce`, metrics", "lr", "was 7e-7"];
    refused(&["replay", "bare"], here, 3, &words);
    write(here.join("bare/metrics.jsonl"), &metrics);
    change(here.join("bare/summary.json"), "\"weights_digest\": \"", "\"weights_digest\": \"0");
    refused(&["replay", "bare"], here, 3, &["weights", "digest of the weights"]);
    // A reward of the record.
    let name = here.join("r/record/step-6.jsonl.gz");
    use std::io::Read;
    let mut text = String::new();
    flate2::read::GzDecoder::new(read(&name).as_slice()).read_to_string(&mut text).expect("a record");
    let at = text.find("\"total\":1.0").or_else(|| text.find("\"total\":0.0")).expect("a reward");
    text.replace_range(at..at + 11, "\"total\":0.5");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, text.as_bytes()).expect("bytes");
    write(&name, packed.finish().expect("bytes"));
    // Rewards are compared before the metrics of their step.
    let (code, _, err) = said(&["replay", "r"], here);
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("first at step 6") && err.contains("reward") || err.contains("total"), "{err}");
}

/// A run that something else ended is followed as far as it came.
#[test]
fn an_interrupted_run_is_replayed_as_far_as_it_came() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    write(here.join("a.recipe"), TINY.replacen("steps      = 6 steps", "steps      = 400 steps", 1));
    let mut child = start(&["run", "a.recipe", "--into", "r", "--record", "--no-probe"], here);
    wait_for(&here.join("r/record/step-8.jsonl.gz"));
    child.kill().expect("a kill");
    child.wait().expect("an end");
    let text = done(&["replay", "r"], here);
    assert!(text.contains("the same, bit for bit") && text.contains("from the recorded rollouts"), "{text}");
}

fn start(args: &[&str], folder: &Path) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_recipec"))
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

fn wait_for(path: &Path) {
    for _ in 0..6000 {
        if path.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} does not come", path.display());
}

#[test]
fn the_probe_finds_what_would_fail_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    plain(here);
    let text = done(&["run", "a.recipe", "--into", "r"], here);
    assert!(
        text.contains("probe: every phase was tried once") || {
            let (_, _, err) = said(&["run", "a.recipe", "--into", "r2"], here);
            err.contains("probe: every phase was tried once")
        }
    );
    let hidden: Vec<_> = std::fs::read_dir(here.join("r/checkpoints")).expect("checkpoints").flatten().collect();
    assert!(hidden.iter().all(|entry| entry.file_name().to_string_lossy().starts_with("step-")), "{hidden:?}");
    // More slots than any memory holds at the cap.
    let many = TINY.replacen("slots       = 16 rollouts", "slots       = 400M rollouts", 1);
    write(here.join("many.recipe"), many);
    let (code, _, err) = said(&["run", "many.recipe", "--into", "many"], here);
    if err.contains("recipe::run::memory") {
        assert!(code == 3 && err.contains("`rollout` of stage `reinforce`") && err.contains("GiB"), "{err}");
    } else {
        assert_eq!(code, 1, "otherwise the recipe itself is refused: {err}");
    }
}
