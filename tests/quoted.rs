//! What the book quotes of the program's output is its output: a block that begins with `$ recipec …` is run again.
//! `UPDATE=1 cargo test --test quoted` writes the blocks anew.

use std::path::Path;
use std::process::Command;

#[test]
fn quoted_output_is_real() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = std::env::var("UPDATE").is_ok_and(|value| !value.is_empty() && value != "0");
    let mut run = 0;
    for page in ["book/src/language/explain.md", "book/src/language/identity.md"] {
        let text = std::fs::read_to_string(root.join(page)).expect("the page").replace("\r\n", "\n");
        let mut out = String::new();
        let mut parts = text.split("```text\n$ recipec ");
        out.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let (block, behind) = part.split_once("\n```").expect("a fence has an end");
            let command = block.lines().next().unwrap_or_default();
            let output = Command::new(env!("CARGO_BIN_EXE_recipec"))
                .args(command.split(' '))
                .current_dir(root)
                .env("NO_COLOR", "1")
                .output()
                .expect("the program starts");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            out.push_str(&format!("```text\n$ recipec {command}\n{}\n```{behind}", said.trim_end()));
            run += 1;
        }
        if update {
            std::fs::write(root.join(page), &out).expect("the page is written");
        } else {
            assert!(
                out == text,
                "{page} quotes what the program no longer says: run `UPDATE=1 cargo test --test quoted`"
            );
        }
    }
    assert!(run >= 6, "{run} blocks were run");
}
