//! `recipec generate`, `score` and `bench` from outside, on the small checkpoint of `recipes/base`.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn recipec(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recipec")).args(arguments).output().expect("the program starts")
}

fn base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/base")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The lines of a command that ends well, and what it says about all of them.
fn lines(arguments: &[&str]) -> (Vec<Value>, Value) {
    let output = recipec(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
    let summary = err(&output).lines().last().map(read).expect("a summary");
    (out(&output).lines().map(read).collect(), summary)
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("a number") as f32).collect()
}

/// A copy of the checkpoint in which things can be broken.
fn copy(into: &Path) {
    std::fs::create_dir_all(into).expect("a folder");
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(base().join(name), into.join(name)).expect("copied");
    }
}

#[test]
fn responses_depend_on_the_seed_and_on_nothing_else() {
    let base = base();
    let ask = ["generate", text(&base), "--prompt", "17+25=", "--prompt", "3*4=", "--seed", "1", "--json"];
    let with = |more: &[&str]| lines(&[&ask[..], more].concat());
    let (expected, summary) = with(&["--n", "4"]);
    assert_eq!(expected.len(), 8);
    for (at, line) in expected.iter().enumerate() {
        assert_eq!((&line["prompt"], &line["sample"]), (&Value::from(at / 4), &Value::from(at % 4)));
        let count = line["tokens"].as_array().expect("tokens").len();
        assert!(count > 0 && numbers(&line["logp_behavior"]).len() == count);
        assert_eq!(line["logp_behavior"], line["logp_sampled"], "nothing was filtered");
        assert_eq!(line["truncated"], line["stop"] == "cap");
        assert_eq!(line["prompt_digest"].as_str().map(str::len), Some(64));
        assert_eq!(line["versions"][0]["from"], 0);
    }
    let tokens: usize = expected.iter().map(|line| line["tokens"].as_array().map_or(0, Vec::len)).sum();
    assert_eq!(summary["tokens"], tokens);
    assert_eq!(summary["prompt_tokens"], 6 + 4);
    for more in [
        &["--n", "4", "--slots", "1"][..],
        &["--n", "4", "--threads", "3", "--slots", "5"],
        &["--n", "4", "--threads", "1", "--cache-memory", "400KiB"],
    ] {
        assert_eq!(with(more).0, expected, "{more:?}");
    }
    // Fewer samples are the first of more.
    let (fewer, _) = with(&["--n", "2"]);
    assert_eq!(fewer[..2], expected[..2]);
    assert_eq!(fewer[2..], expected[4..6]);
    let (other, _) = lines(&["generate", text(&base), "--prompt", "17+25=", "--seed", "2", "--n", "4", "--json"]);
    assert_ne!(
        other.iter().map(|l| &l["text"]).collect::<Vec<_>>(),
        expected[..4].iter().map(|l| &l["text"]).collect::<Vec<_>>()
    );
}

#[test]
fn plain_text_is_the_same_text() {
    let base = base();
    let ask = ["generate", text(&base), "--prompt", "17+25=", "--temperature", "0", "--max-tokens", "40"];
    let (expected, _) = lines(&[&ask[..], &["--json"]].concat());
    let written = expected[0]["text"].as_str().expect("a text");
    assert!(written.len() > 3, "too short to cut");
    let plain = recipec(&ask);
    assert_eq!(out(&plain), format!("{written}\n"));
    assert!(err(&plain).contains("1 prompt of 6 tokens, 1 response of"), "{}", err(&plain));
    let several = out(&recipec(&[&ask[..], &["--n", "2"]].concat()));
    assert_eq!(several, format!("--- prompt 0, response 0\n{written}\n--- prompt 0, response 1\n{written}\n"));
    // A stop string in the middle of what is written cuts it, with and without JSON.
    let stop = &written[2..4];
    let before = &written[..written.find(stop).expect("it is there")];
    let (cut, _) = lines(&[&ask[..], &["--stop", stop, "--stop", "never written", "--json"]].concat());
    assert_eq!((&cut[0]["text"], &cut[0]["stop"]), (&Value::from(before), &Value::from("stop_string")));
    assert_eq!(cut[0]["stop_string"], stop);
    assert_eq!(cut[0]["tokens"].as_array().map(Vec::len), Some(before.len() + 2), "its tokens are kept");
    let plain = recipec(&[&ask[..], &["--stop", stop, "--stop", "never written"]].concat());
    assert_eq!(out(&plain), format!("{before}\n"));
    let (capped, _) = lines(&[&ask[..], &["--ignore-end", "--json"]].concat());
    assert_eq!((&capped[0]["stop"], capped[0]["tokens"].as_array().map(Vec::len)), (&Value::from("cap"), Some(40)));
}

/// What was recorded while writing is what scoring the same text finds.
#[test]
fn scoring_finds_what_was_recorded() {
    let base = base();
    let (written, _) = lines(&[
        "generate",
        text(&base),
        "--prompt",
        "17+25=",
        "--seed",
        "4",
        "--max-tokens",
        "12",
        "--ignore-end",
        "--json",
    ]);
    let tokens = written[0]["tokens"].as_array().expect("tokens");
    let body = tokens.iter().position(|token| token == 0).unwrap_or(tokens.len());
    let response: String = written[0]["text"].as_str().expect("a text").chars().take(body).collect();
    assert!(response.len() == body && body > 1, "one character a token");
    let score = recipec(&["score", text(&base), "--prompt", "17+25=", "--text", &response, "--json", "--threads", "2"]);
    assert_eq!(score.status.code(), Some(0), "{}", err(&score));
    let score: Value = serde_json::from_str(&out(&score)).expect("JSON");
    let logp = numbers(&score["logp"]);
    assert_eq!(logp, numbers(&written[0]["logp_behavior"])[..body]);
    let texts: String = score["texts"].as_array().expect("texts").iter().filter_map(Value::as_str).collect();
    assert_eq!(texts, response);
    let sum: f64 = logp.iter().map(|logp| f64::from(*logp)).sum();
    assert!((score["sum_logp"].as_f64().expect("a sum") - sum).abs() < 1e-9);
    let perplexity = (-sum / logp.len() as f64).exp();
    assert!((score["perplexity"].as_f64().expect("a number") / perplexity - 1.0).abs() < 1e-9);
    assert!(numbers(&score["entropy"]).iter().all(|entropy| (0.0..4.6).contains(entropy)));
    let table = out(&recipec(&["score", text(&base), "--text", "17+25=42"]));
    assert_eq!(table.lines().count(), 1 + 7 + 1, "the first token has nothing before it:\n{table}");
    assert!(table.contains("7 tokens, log-probability -"), "{table}");
}

#[test]
fn a_run_folder_stands_for_its_last_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    copy(&folder.path().join("checkpoints/step-3"));
    copy(&folder.path().join("checkpoints/step-12"));
    let ask = |model: &Path| recipec(&["generate", text(model), "--prompt", "1+1=", "--max-tokens", "5"]);
    let found = ask(folder.path());
    assert_eq!(out(&found), out(&ask(&base())));
    assert!(err(&found).contains("step-12"), "{}", err(&found));
    let empty = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(empty.path().join("checkpoints")).expect("a folder");
    assert_eq!(ask(empty.path()).status.code(), Some(3));
}

#[test]
fn prompts_come_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("prompts.txt");
    std::fs::write(&file, "1+2=\n\n{\"prompt\": \"3+4=\"}\n").expect("written");
    let base = base();
    let (found, summary) = lines(&["generate", text(&base), "--prompts", text(&file), "--max-tokens", "6", "--json"]);
    assert_eq!((found.len(), &summary["prompts"]), (2, &Value::from(2)));
    std::fs::write(&file, "{\"question\": \"3+4=\"}\n").expect("written");
    let broken = recipec(&["generate", text(&base), "--prompts", text(&file)]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(err(&broken).contains("line 1: `prompt` is missing"), "{}", err(&broken));
}

#[test]
fn what_cannot_be_done_is_said() {
    let base = base();
    let base = text(&base);
    let ask = ["generate", base, "--prompt", "1+1="];
    for (arguments, code, words) in [
        (&["generate", "no/such/model", "--prompt", "x"][..], 2, "there is no `no/such/model`"),
        (&["score", "no/such/model", "--text", "x"], 2, "there is no `no/such/model`"),
        (&["bench", "no/such/model"], 2, "there is no `no/such/model`"),
        (&["generate", base], 2, "--prompt"),
        (&[&ask[..], &["--temperature=-1"]].concat(), 2, "temperature -1"),
        (&[&ask[..], &["--top-p", "0"]].concat(), 2, "top_p 0"),
        (&[&ask[..], &["--stop", ""]].concat(), 2, "empty stop string"),
        (&[&ask[..], &["--chat"]].concat(), 2, "no chat template"),
        (&[&ask[..], &["--cache-memory", "1KiB"]].concat(), 2, "more than the cache may hold"),
        (&["generate", base, "--prompt", ""], 2, "it is empty"),
        (&["score", base, "--text", ""], 2, "nothing to score"),
        (&["score", base, "--text", "x"], 2, "nothing before it"),
        (&["score", base, "--text", "xy", "--temperature", "0"], 2, "must be finite and above 0"),
        (&["generate", base, "--prompt", "1", "--prompts", "no/such/file"], 2, "cannot read `no/such/file`"),
    ] {
        let output = recipec(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", err(&output));
        assert!(err(&output).contains(words), "{arguments:?}: {}", err(&output));
    }
}

#[test]
fn a_broken_checkpoint_is_exit_code_3_and_names_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let check = |file: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>, words: &[&str]| {
        copy(folder.path());
        let path = folder.path().join(file);
        let bytes = std::fs::read(&path).expect("there");
        std::fs::write(&path, change(bytes)).expect("written");
        let output = recipec(&["generate", text(folder.path()), "--prompt", "1+1="]);
        assert_eq!(output.status.code(), Some(3), "{}", err(&output));
        for words in [file].iter().chain(words) {
            assert!(err(&output).contains(words), "{words}: {}", err(&output));
        }
    };
    check("model.safetensors", &|bytes| bytes[..bytes.len() - 100].to_vec(), &[]);
    check("config.json", &|bytes| bytes[..bytes.len() / 2].to_vec(), &[]);
    let replaced = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").replace(from, to).into_bytes()
    };
    check("config.json", &replaced("\"llama\"", "\"unheard_of\""), &["unheard_of"]);
    check("config.json", &replaced("\"silu\"", "\"relu\""), &["hidden_act"]);
}

#[test]
fn a_measurement_has_every_number() {
    let base = base();
    let output = recipec(&[
        "bench",
        text(&base),
        "--batches",
        "1,3",
        "--tokens",
        "8",
        "--prompt-tokens",
        "20",
        "--training-tokens",
        "64",
        "--repeat",
        "1",
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let found: Value = serde_json::from_str(&out(&output)).expect("JSON");
    let positive = |value: &Value| value.as_f64().is_some_and(|value| value > 0.0);
    assert_eq!(found["model"]["parameters"], 327_840);
    assert!(positive(&found["machine"]["gflops"]) && positive(&found["machine"]["gbytes_per_second"]));
    assert!(positive(&found["prefill"]["tokens_per_second"]));
    let decode = found["decode"].as_array().expect("a list");
    assert_eq!(decode.iter().map(|one| &one["batch"]).collect::<Vec<_>>(), [1, 3]);
    for one in decode {
        assert!(positive(&one["tokens_per_second"]) && positive(&one["gflops"]));
        let shares: f64 = one["profile"].as_object().expect("parts").values().filter_map(Value::as_f64).sum();
        assert!((shares - 1.0).abs() < 1e-6);
    }
    assert!(positive(&found["training"]["tokens_per_second"]));
    #[cfg(target_os = "linux")]
    assert!(positive(&found["peak_memory_bytes"]));
}
