use std::io::Write;

use super::*;

const STEP: &str = r#"{"schema":1,"stage":"reinforce","step":1,"kind":"reinforce","loss":null,"grad_norm":0.5,"lr":1e-6,"future":[1]}"#;

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn rollout(stage: &str, step: u64, domain: &str, prompt: &str, status: &str) -> String {
    serde_json::json!({"stage": stage, "step": step, "domain": domain, "prompt": prompt, "response": "r", "status": status,
        "truncated": false, "length": 3, "total": null})
    .to_string()
        + "\n"
}

fn gzip(text: &str) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_diverged_step_and_unknown_keys_are_read() {
    let folder = folder(&[(METRICS, format!("{STEP}\n\n{STEP}\n").as_bytes())]);
    let run = RunFolder::read(folder.path()).unwrap();
    assert_eq!(run.metrics.len(), 2);
    assert_eq!((run.metrics[0].loss, run.metrics[0].grad_norm), (None, Some(0.5)));
    assert_eq!(run.reinforce_stages(), ["reinforce"]);
    assert!(run.notes.iter().any(|note| note.contains("summary.json is missing")));
}

#[test]
fn an_unfinished_last_line_is_left_out_and_said() {
    for cut in [1, 20, STEP.len() - 1] {
        let folder = folder(&[(METRICS, format!("{STEP}\n{}", &STEP[..cut]).as_bytes())]);
        let run = RunFolder::read(folder.path()).unwrap();
        assert_eq!(run.metrics.len(), 1);
        assert!(
            run.notes.iter().any(|note| note.starts_with("metrics.jsonl: line 2 is unfinished")),
            "{:?}",
            run.notes
        );
    }
    let whole = folder(&[(METRICS, format!("{STEP}\n{STEP}").as_bytes())]);
    let run = RunFolder::read(whole.path()).unwrap();
    assert_eq!(run.metrics.len(), 2);
    assert!(!run.notes.iter().any(|note| note.contains("unfinished")));
}

#[test]
fn other_faults_name_file_and_line() {
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let folder = folder(&[(METRICS, STEP.as_bytes()), (name, bytes)]);
        let found = RunFolder::read(folder.path()).unwrap_err().to_string();
        assert!(found.contains(expected), "{found}");
    };
    check(METRICS, format!("{STEP}\n{{\"schema\":1\n{STEP}\n").as_bytes(), "metrics.jsonl:2: ");
    check(METRICS, b"{\"schema\":1}\n", "metrics.jsonl:1: missing field `stage`");
    check(
        METRICS,
        STEP.replace("\"schema\":1", "\"schema\":2").as_bytes(),
        "metrics.jsonl:1: schema 2 is not known here",
    );
    check(
        METRICS,
        format!("{}\n", STEP.replace("\"kind\":\"reinforce\"", "\"kind\":\"magic\"")).as_bytes(),
        "unknown variant `magic`",
    );
}

#[test]
fn damaged_summaries_and_archives_are_errors() {
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let folder = folder(&[(METRICS, STEP.as_bytes()), (name, bytes)]);
        let found = RunFolder::read(folder.path()).unwrap_err().to_string();
        assert!(found.contains(expected), "{found}");
    };
    check(SUMMARY, b"{\n\"recipe\": 3\n}", "summary.json:2: ");
    let surface = br#"{"recipe":"r","seed":1,"seconds":1,"stopped_by":"steps","weights_digest":"d","steps":1,"generated_tokens":1,
        "penalty_surface":{"length":[1,2],"solve_rate":[0.5],"value":[[0]]}}"#;
    check(SUMMARY, surface, "penalty_surface has 2 lengths and a row of 1 values");
    check(ROLLOUTS, b"this is no archive\n", "rollouts.jsonl.gz:1: ");
    check(ROLLOUTS, &gzip("{}\n"), "rollouts.jsonl.gz:1: missing field `stage`");
    check(EVALUATIONS, b"\xff\xfe\n", "evaluations.jsonl:1: ");
}

#[test]
fn folders_that_are_no_runs_are_said() {
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(RunFolder::read(empty.path()), Err(RunFolderError::NotARun { .. })));
    assert!(matches!(RunFolder::read(&empty.path().join("no")), Err(RunFolderError::Missing { .. })));
}

/// A killed run leaves half an archive; a resumed run appends a second one.
#[test]
fn archives_may_be_cut_or_continued() {
    let text: String =
        (0..400).map(|step| rollout("reinforce", step, "math", &format!("prompt {step}"), "wrong")).collect();
    let bytes = gzip(&text);
    let cut = folder(&[(METRICS, STEP.as_bytes()), (ROLLOUTS, &bytes[..bytes.len() / 2])]);
    let run = RunFolder::read(cut.path()).unwrap();
    assert_eq!(run.examples.domains["math"].early[0].step, 0);
    assert!(run.notes.iter().any(|note| note.starts_with(ROLLOUTS)), "{:?}", run.notes);
    let more = [bytes, gzip(&rollout("reinforce", 900, "math", "last", "correct"))].concat();
    let continued = folder(&[(METRICS, STEP.as_bytes()), (ROLLOUTS, &more)]);
    let run = RunFolder::read(continued.path()).unwrap();
    assert_eq!(run.examples.domains["math"].late[0].step, 900);
}

#[test]
fn examples_pair_early_and_late_rollouts() {
    let lines = [
        rollout("first", 1, "math", "a", "wrong"),
        rollout("first", 1, "math", "b", "wrong"),
        rollout("first", 1, "code", "c", "wrong"),
        rollout("first", 5, "math", "b", "wrong"),
        rollout("second", 1, "math", "x", "wrong"),
        rollout("second", 9, "math", "y", "correct"),
        rollout("second", 9, "math", "b", "wrong"),
    ];
    let folder = folder(&[(METRICS, STEP.as_bytes()), (ROLLOUTS, &gzip(&lines.concat()))]);
    let run = RunFolder::read(folder.path()).unwrap();
    let math = &run.examples.domains["math"];
    assert_eq!((math.early.len(), math.late.len()), (2, 2));
    let (early, late) = math.pair();
    assert_eq!((early.unwrap().prompt.as_str(), late.unwrap().prompt.as_str()), ("b", "b"));
    assert_eq!((early.unwrap().step, late.unwrap().step), (1, 9));
    assert_eq!(run.examples.domains["code"].pair().1, None);
}

/// The writer uses the same types: what it writes is what is read.
#[test]
fn types_round_trip() {
    let line: StepMetrics = serde_json::from_str(STEP).unwrap();
    let text = serde_json::to_string(&line).unwrap();
    assert_eq!(serde_json::from_str::<StepMetrics>(&text).unwrap(), line);
    assert!(text.starts_with(r#"{"schema":1,"stage":"reinforce","step":1,"kind":"reinforce","loss":null"#), "{text}");
}
