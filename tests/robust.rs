//! Texts that nobody writes, through the whole program: it ends by itself, in bounded time, with an exit code of its own, and in at most
//! 200 MB of memory: its own high-water mark, which is asked for every two milliseconds; and a program that asks for much more is aborted.
//!
//! `cargo test --release --no-default-features --test robust -- --ignored` adds recipes that are just below the limits of the language.
#![cfg(target_os = "linux")]

use std::fmt::Write;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Memory that the program may use, in KiB.
const MEMORY: usize = 200_000_000 / 1024;
/// Addresses that it may use: the program itself and what it has asked for and not touched count here.
const ADDRESSES: usize = 2 * MEMORY;
/// An unoptimised program on a busy machine ends long before; what hangs does not.
const PATIENCE: Duration = Duration::from_secs(240);
/// Nobody reads more than this.
const MOST_OUTPUT: usize = 200_000;

const SMALLEST: &str = include_str!("accept/smallest.recipe");
const N: usize = 100_000;

/// How a command ended.
struct Ended {
    code: i32,
    said: String,
}

/// Runs a command on a file in a folder, and checks what must hold for every input.
fn run(folder: &Path, command: &[&str], file: &str) -> Ended {
    let program = env!("CARGO_BIN_EXE_recipec");
    let output = folder.join("output");
    let out = std::fs::File::create(&output).expect("a file for the output");
    let mut child = Command::new("sh")
        .args(["-c", &format!("ulimit -v {ADDRESSES}; exec \"$@\""), "sh", program])
        .args(command)
        .arg(file)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(out.try_clone().expect("the same file"))
        .stderr(out)
        .spawn()
        .expect("the program starts");
    let (start, mut most) = (Instant::now(), 0);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        most = most.max(high_water(child.id()));
        if start.elapsed() > PATIENCE {
            child.kill().expect("it can be stopped");
            child.wait().expect("it ends");
            panic!("{command:?} {file}: not done after {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(most <= MEMORY, "{command:?} {file}: {most} KiB of memory");
    let mut said = Vec::new();
    std::fs::File::open(&output).expect("the output").read_to_end(&mut said).expect("the output is read");
    let said = String::from_utf8_lossy(&said).into_owned();
    let end = said.char_indices().rev().nth(600).map_or(0, |(at, _)| at);
    let code = status.code().unwrap_or_else(|| panic!("{command:?} {file}: ended by {status}\n{}", &said[end..]));
    assert!((0..=2).contains(&code), "{command:?} {file}: exit code {code}\n{}", &said[end..]);
    assert!(!said.contains("panicked"), "{command:?} {file}: {}", &said[end..]);
    Ended { code, said }
}

/// The most memory that a process has had so far, in KiB; 0 when it has just ended.
fn high_water(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// `check`, `check --json`, `fmt --check` and `explain` of a text.
fn survives(name: &str, text: &[u8]) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.recipe"), text).expect("the recipe is written");
    for command in [&["fmt", "--check"][..], &["explain"]] {
        let ended = run(folder.path(), command, "a.recipe");
        assert!(command != ["fmt", "--check"] || ended.said.len() < MOST_OUTPUT, "{name}: {} bytes", ended.said.len());
    }
    run(folder.path(), &["check", "--json"], "a.recipe");
    let ended = run(folder.path(), &["check"], "a.recipe");
    assert!(ended.said.len() < MOST_OUTPUT, "{name}: {} bytes of output", ended.said.len());
    ended
}

/// As [`survives`]; and the recipe is refused, with these words.
#[track_caller]
fn refused(name: &str, text: impl AsRef<[u8]>, words: &str) {
    let ended = survives(name, text.as_ref());
    assert!(ended.code > 0 && ended.said.contains(words), "{name}: {}", &ended.said[..ended.said.len().min(3000)]);
}

#[test]
fn nesting() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{ a = ", "}"), ("b { ", "}"), ("f(", ")")] {
        refused(open, format!("{SMALLEST}term t = {}1{}\n", open.repeat(N), close.repeat(N)), "too_deep");
        refused(open, format!("{SMALLEST}term t = {}", open.repeat(N)), "too_deep");
    }
}

#[test]
fn long_chains() {
    for piece in ["not ", "-", "if a then 1 else ", "if ", "a ^ ", "a + ", "a < ", "a given b "] {
        refused(piece, format!("{SMALLEST}term t = {}a\n", piece.repeat(N)), "too_deep");
    }
}

#[test]
fn bytes_that_are_no_text() {
    refused("NUL", vec![0; 100_000], "syntax");
    refused("no UTF-8", [0xff, 0xfe, 0x80].repeat(50_000), "syntax");
    refused("half a character", [SMALLEST.as_bytes(), &[0xe2, 0x82]].concat(), "syntax");
    refused("control characters", "\u{1e}\u{1f}\u{1a}\u{7f}".repeat(20_000), "syntax");
    for text in [format!("\u{feff}{SMALLEST}"), SMALLEST.replace('\n', "\r\n")] {
        let ended = survives("BOM, CRLF", text.as_bytes());
        assert_eq!(ended.code, 1.min(ended.code), "{}", ended.said);
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.recipe"), text).expect("written");
        assert_eq!(run(folder.path(), &["check"], "a.recipe").code, 0);
    }
}

#[test]
fn long_lines_and_long_texts() {
    const LONG: usize = 10_000_000;
    for (head, piece, tail) in
        [("mix { a = \"", "x", "\" }"), ("", "x", ""), ("mix { a = ", "1 + ", "1 }"), ("// ", "(", ""), ("", "@ ", "")]
    {
        // Ten million characters are more than a recipe has; one million are read.
        refused(head, format!("{head}{}{tail}", piece.repeat(LONG / piece.len())), "more than 4194304 bytes");
        refused(head, format!("{head}{}{tail}", piece.repeat(1_000_000 / piece.len())), "error");
    }
}

#[test]
fn very_many_things() {
    let mut items = String::from(SMALLEST);
    let mut entries = String::from("mix {\n");
    for at in 0..40_000 {
        let _ = writeln!(items, "x{at} = 1");
        let _ = writeln!(entries, "  k{at} = 1");
    }
    refused("settings outside of blocks", &items, "error");
    refused("unknown keys", entries + "}\n", "more");
    let million = "x = 1\n".repeat(600_000);
    refused("a million faults", million, "words, numbers, signs and comments");
    let many: String = (0..30_000).fold(String::new(), |mut all, at| {
        let _ = writeln!(all, "doman d{at} {{ ratio = 1% }}");
        all
    });
    refused("30,000 unknown blocks", many, "30000 errors");
}

#[test]
fn formulas_that_grow() {
    let mut text = format!("{SMALLEST}formula f0(n: number) -> number = n + 1\n");
    for at in 1..=60 {
        let _ = writeln!(text, "formula f{at}(n: number) -> number = f{0}(n) + f{0}(n)", at - 1);
    }
    refused("each calls the one before twice", text + "term t = f60(1)\n", "too_large");
    let mut text = format!("{SMALLEST}formula f0(n: number) -> number = n + 1\n");
    for at in 1..=600 {
        let _ = writeln!(text, "formula f{at}(n: number) -> number = f{}(n)", at - 1);
    }
    refused("a long chain of calls", text, "too_large");
    let mut text = format!("{SMALLEST}term t = a3000\n  where a0 = 1");
    for at in 1..=3_000 {
        let _ = write!(text, ",\n    a{at} = a{0} + a{0}", at - 1);
    }
    survives("a long chain of bindings", (text + "\n").as_bytes());
    let mut text = String::from(SMALLEST);
    for at in 0..2_000 {
        let _ = writeln!(text, "term t{at} = t{0} + t{0}", at + 1);
    }
    survives("a long chain of terms, last first", (text + "term t2000 = 1\n").as_bytes());
}

#[test]
fn limits_are_said() {
    let mut stages = format!("{SMALLEST}stage s0 {{}}\n");
    let mut variants = String::from(SMALLEST);
    let mut terms = String::from(SMALLEST);
    for at in 1..=1_100 {
        let _ = writeln!(stages, "stage s{at} after s{} {{}}", at - 1);
        let _ = writeln!(variants, "variant v{at} {{ override train.batch = 64 rollouts }}");
    }
    for at in 0..10_500 {
        let _ = writeln!(terms, "param p{at} : number = 1");
    }
    refused("stages", stages, "compose::too_many");
    refused("definitions", terms, "compose::too_many");
    let overrides = "override train.batch = 64 rollouts ".repeat(20_000);
    refused("overrides", format!("{SMALLEST}variant v {{ {overrides} }}\n"), "compose::too_many");
    // Eleven hundred checks of a whole recipe are much for an unoptimised program; once is enough.
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.recipe"), variants).expect("written");
    assert!(run(folder.path(), &["check"], "a.recipe").said.contains("compose::too_many"));
}

#[test]
fn files_that_lead_astray() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("itself.recipe", "extends \"itself.recipe\"\n");
    write("a.recipe", "extends \"b.recipe\"\n");
    write("b.recipe", "extends \"./a.recipe\"\n");
    write("up.recipe", "extends \"../up.recipe\"\nimport \"a/../../b.recipe\"\n");
    write("root.recipe", "import \"/etc/passwd\"\nimport \"/dev/zero\"\n");
    write("folder.recipe", "import \"sub\"\nextends \"sub\"\n");
    std::fs::create_dir(folder.path().join("sub")).expect("a folder");
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).expect("a link");
    link("loop.recipe", "loop.recipe");
    link(".", "here");
    link("/dev/zero", "endless.recipe");
    write("links.recipe", "import \"loop.recipe\"\nimport \"here/here/links.recipe\"\nimport \"endless.recipe\"\n");
    for at in 0..300 {
        write(&format!("chain{at}.recipe"), &format!("extends \"chain{}.recipe\"\n", at + 1));
    }
    write("many.recipe", &(0..3_000).map(|at| format!("import \"chain{}.recipe\"\n", at % 300)).collect::<String>());
    write("big.recipe", &format!("// {}\n", "x".repeat(3_000_000)));
    write("bigs.recipe", &(0..200).map(|at| format!("import \"{}big.recipe\"\n", "./".repeat(at))).collect::<String>());
    for (file, words) in [
        ("itself.recipe", "file_cycle"),
        ("a.recipe", "file_cycle"),
        ("up.recipe", "below its own folder"),
        ("root.recipe", "below its own folder"),
        ("folder.recipe", "it is a folder"),
        ("links.recipe", "file_not_read"),
        ("chain0.recipe", "one file too many"),
        ("many.recipe", "one file too many"),
        ("bigs.recipe", "one file too many"),
        ("loop.recipe", "cannot read"),
        ("endless.recipe", "more than 4194304 bytes"),
        ("sub", "it is a folder"),
        ("absent.recipe", "cannot read"),
    ] {
        for command in [&["check"][..], &["explain"], &["check", "--json"]] {
            let ended = run(folder.path(), command, file);
            assert!(ended.code > 0, "{file}: {}", ended.said);
            assert!(ended.said.contains(words), "{command:?} {file}: {}", &ended.said[..ended.said.len().min(4000)]);
        }
    }
}

#[test]
#[ignore = "half a minute for an optimised program"]
fn just_below_the_limits() {
    let lines = |count: usize, line: &dyn Fn(usize) -> String| -> String { (0..count).map(line).collect() };
    let block = |entries: usize| format!("mix {{ {}}}\n", "a = 1 ".repeat(entries));
    for (name, text) in [
        ("one long block", block(49_000)),
        ("long blocks", block(40_000).repeat(4)),
        ("long lists", format!("mix {{ a = [{}1] }}\n", "1,".repeat(74_000)).repeat(3)),
        ("empty blocks", "x {}\n".repeat(49_000)),
        ("unknown blocks", lines(13_000, &|at| format!("doman m{at} {{ rati = 60%  dat = builtin(\"a\") }}\n"))),
        ("params", SMALLEST.to_string() + &lines(9_990, &|at| format!("param p{at} : number = 1\n"))),
        (
            "terms",
            SMALLEST.to_string()
                + &lines(9_900, &|at| format!("term t{at} = t{0} + t{0}\n", at + 1))
                + "term t9900 = 1\n",
        ),
        ("arguments", format!("{SMALLEST}term t = max({}1)\n", "1, ".repeat(70_000))),
        ("docs", "/// x\n".repeat(70_000)),
        ("line breaks", "\n".repeat(4_000_000)),
        ("comments", "//\n".repeat(499_000)),
        ("imports", "import \"a\"\n".repeat(249_000)),
        ("domains", {
            let rest: String =
                SMALLEST.lines().filter(|l| !l.starts_with("domain")).map(|l| format!("{l}\n")).collect();
            rest + &lines(10_000, &|at| {
                format!("domain d{at} {{ ratio = 0.01%  data = builtin(\"arithmetic\")  verify = math_answer() }}\n")
            })
        }),
    ] {
        survives(name, text.as_bytes());
    }
}
