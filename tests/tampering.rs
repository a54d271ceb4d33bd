//! Packs, locks and checkpoints that were tampered with: each is refused, with a message that names what differs.

use std::path::Path;
use std::process::Command;

const TINY: &str = include_str!("fixtures/tiny.recipe");

fn said(args: &[&str], folder: &Path) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipec"));
    let output = command.args(args).current_dir(folder).env("NO_COLOR", "1").output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn done(args: &[&str], folder: &Path) -> String {
    let (code, out, err) = said(args, folder);
    assert_eq!(code, 0, "{args:?}\n{out}\n{err}");
    out
}

/// The command fails without a panic and says every one of these.
#[track_caller]
fn refused(args: &[&str], folder: &Path, words: &[&str]) {
    let (code, out, err) = said(args, folder);
    assert!(code == 1 || code == 3, "{args:?} ended with {code}\n{out}\n{err}");
    for word in words {
        assert!(err.contains(word), "{args:?} does not say `{word}`:\n{err}");
    }
}

fn write(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    std::fs::write(path, text).expect("a file is written");
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// A recipe with an import, rows of a file and a base.
fn project(folder: &Path) {
    let rows: String = (0..60).map(|n| format!("{{\"prompt\":\"{n}+{n}=\",\"answer\":\"{}\"}}\n", 2 * n)).collect();
    write(folder.join("rows.jsonl"), rows);
    std::fs::create_dir(folder.join("parts")).expect("a folder");
    let (before, after) = TINY.split_once("formula overlong").expect("the formula");
    let (formula, after) = after.split_once("penalty").expect("the penalty");
    write(folder.join("parts/overlong.recipe"), format!("formula overlong{formula}"));
    let before = before.replacen("builtin(\"arithmetic\")", "file(\"rows.jsonl\")", 1);
    let before = before.replacen(
        "recipe tiny { edition = 2026 }",
        "recipe tiny { edition = 2026 }\nimport \"parts/overlong.recipe\"",
        1,
    );
    let text = format!("{before}penalty{after}").replacen("every = 2 steps  keep = 2", "every = 1 steps  keep = 20", 1);
    write(folder.join("a.recipe"), text.split("stage warm_start").next().expect("a part"));
}

#[test]
fn a_pack_is_the_same_bytes_and_comes_back_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let (first, second) = (here.join("first"), here.join("second/deeper"));
    for place in [&first, &second] {
        std::fs::create_dir_all(place).expect("a folder");
        project(place);
    }
    done(&["lock", "a.recipe"], &first);
    std::fs::copy(first.join("a.lock"), second.join("a.lock")).expect("a copy");
    let printed = done(&["pack", "a.recipe", "-o", "a.recipec"], &first);
    for file in ["a.recipe", "a.lock", "parts/overlong.recipe", "rows.jsonl"] {
        assert!(printed.contains(file), "{printed}");
    }
    // Another folder, another time, and a file whose time and rights differ.
    done(&["pack", "./a.recipe"], &second);
    assert!(read(first.join("a.recipec")) == read(second.join("a.recipec")), "packs differ");
    let out = done(&["unpack", "a.recipec", "--out", "again"], &first);
    assert_eq!(out.split(' ').next(), printed.split(' ').next(), "the digest of the pack");
    for file in ["a.recipe", "a.lock", "parts/overlong.recipe", "rows.jsonl"] {
        assert!(read(first.join(file)) == read(first.join("again").join(file)), "{file}");
    }
    assert!(!first.join("again/manifest.json").exists());
    done(&["check", "--locked", "again/a.recipe"], &first);
    let digest = out.split(' ').next().expect("a digest");
    done(&["unpack", "a.recipec", "--out", "third", "--digest", digest], &first);
    // A tar of the system reads it too.
    if let Ok(listed) = Command::new("tar").args(["-tf", "a.recipec"]).current_dir(&first).output() {
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert_eq!(
            listed.lines().collect::<Vec<_>>(),
            ["manifest.json", "a.lock", "a.recipe", "parts/overlong.recipe", "rows.jsonl"]
        );
    }
    // What is there is not written over.
    assert_eq!(said(&["unpack", "a.recipec", "--out", "again"], &first).0, 2);
    // What is missing or too much is named.
    std::fs::rename(first.join("rows.jsonl"), first.join("gone.jsonl")).expect("moved");
    refused(&["pack", "a.recipe"], &first, &["recipe::pack::refused", "`rows.jsonl`"]);
    done(&["pack", "a.recipe", "--without-data", "-o", "small.recipec"], &first);
    refused(&["pack", "a.recipe", "--without-data", "--max-bytes", "100", "-o", "x"], &first, &["more than 100"]);
    assert!(!first.join("x").exists());
}

/// A file of a pack: its path and its bytes.
type Packed = (String, Vec<u8>);

fn padded(bytes: usize) -> usize {
    bytes.div_ceil(512) * 512
}

/// A header of an archive with its sum, as anybody can write one.
fn header(name: &str, length: usize, kind: u8) -> Vec<u8> {
    let mut block = vec![0u8; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, format!("{length:011o}\0").as_bytes());
    put(136, b"00000000000\0        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// The files of a pack, the manifest first.
fn entries(pack: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (mut at, mut found) = (0, Vec::new());
    while pack[at] != 0 {
        let name = String::from_utf8(pack[at..at + 100].split(|byte| *byte == 0).next().expect("a name").to_vec())
            .expect("text");
        let length =
            usize::from_str_radix(std::str::from_utf8(&pack[at + 124..at + 135]).expect("digits"), 8).expect("octal");
        found.push((name, pack[at + 512..at + 512 + length].to_vec()));
        at += 512 + padded(length);
    }
    found
}

fn archive(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in entries {
        out.extend(header(name, bytes.len(), b'0'));
        out.extend(bytes);
        out.resize(padded(out.len()), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// The pack with a manifest that was changed by an author of attacks, who writes digests that fit.
fn remade(entries_: &[(String, Vec<u8>)], change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let mut manifest: serde_json::Value = serde_json::from_slice(&entries_[0].1).expect("JSON");
    for (file, (_, bytes)) in manifest["files"].as_array_mut().expect("files").iter_mut().zip(&entries_[1..]) {
        file["bytes"] = bytes.len().into();
        file["blake3"] = blake3::hash(bytes).to_hex().to_string().into();
    }
    change(&mut manifest);
    let mut all = entries_.to_vec();
    // In the order of the fields of a manifest, which the map of JSON does not keep.
    let text = |value: &serde_json::Value| serde_json::to_string(value).expect("JSON");
    let files: Vec<String> = manifest["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| {
            format!(
                "    {{\n      \"path\": {},\n      \"bytes\": {},\n      \"blake3\": {}\n    }}",
                text(&file["path"]),
                text(&file["bytes"]),
                text(&file["blake3"])
            )
        })
        .collect();
    let head = format!(
        "{{\n  \"pack\": {},\n  \"recipe\": {},\n  \"recipe_hash\": {},\n  \"files\": [\n",
        text(&manifest["pack"]),
        text(&manifest["recipe"]),
        text(&manifest["recipe_hash"])
    );
    all[0].1 = format!("{head}{}\n  ]\n}}\n", files.join(",\n")).into_bytes();
    archive(&all)
}

/// Nineteen kinds.
#[test]
fn a_pack_that_was_tampered_with_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    project(here);
    done(&["lock", "a.recipe"], here);
    let digest = done(&["pack", "a.recipe"], here);
    let digest = digest.split(' ').next().expect("a digest").to_string();
    let good = read(here.join("a.recipec"));
    let files = entries(&good);
    assert!(archive(&files) == good && remade(&files, |_| {}) == good, "the test writes packs as the program does");
    let place = |name: &str| files.iter().position(|(known, _)| known == name).expect("a file");
    let rows = place("rows.jsonl");
    let with = |at: usize, change: &dyn Fn(&mut Packed)| {
        let mut files = files.clone();
        change(&mut files[at]);
        files
    };
    let link = |kind: u8| {
        let mut pack = good.clone();
        let at = pack.windows(10).position(|window| window == b"rows.jsonl" && pack[0..10] != *b"rows.jsonl");
        let at = at
            .map(|_| files[..rows].iter().map(|(_, bytes)| 512 + padded(bytes.len())).sum::<usize>())
            .expect("its header");
        let length = files[rows].1.len();
        pack[at..at + 512].copy_from_slice(&header("rows.jsonl", length, kind));
        pack
    };
    let renamed = |name: &str| {
        let files = with(rows, &|file| file.0 = name.to_string());
        remade(&files, |manifest| manifest["files"][rows - 1]["path"] = name.into())
    };
    let mut cases: Vec<(&str, Vec<u8>, Vec<&str>)> = vec![
        (
            "a changed row",
            archive(&with(rows, &|file| file.1[20] ^= 1)),
            vec!["`rows.jsonl` is not what was packed", "packed ", "found "],
        ),
        (
            "a changed recipe",
            archive(&with(place("a.recipe"), &|file| file.1[0] = b' ')),
            vec!["`a.recipe` is not what was packed"],
        ),
        (
            "a longer file",
            archive(&with(rows, &|file| file.1.push(b'\n'))),
            vec!["`rows.jsonl` has", "and the manifest says"],
        ),
        ("a cut pack", good[..good.len() - 2000].to_vec(), vec!["it ends within `rows.jsonl`"]),
        ("a pack without its end", good[..good.len() - 512].to_vec(), vec!["its end is missing"]),
        ("something behind the end", [good.clone(), vec![1]].concat(), vec!["behind the last file"]),
        (
            "a file that the manifest does not know",
            archive(&[files.clone(), vec![("evil".into(), vec![1])]].concat()),
            vec!["behind the last file"],
        ),
        ("a missing file", archive(&[&files[..rows - 1], &files[rows..]].concat()), vec!["should stand where"]),
        (
            "two files exchanged",
            {
                let mut f = files.clone();
                f.swap(1, 2);
                archive(&f)
            },
            vec!["should stand where"],
        ),
        ("a link", link(b'2'), vec!["`rows.jsonl` is a link"]),
        ("a hard link", link(b'1'), vec!["a hard link"]),
        ("a folder", link(b'5'), vec!["a folder"]),
        ("a path that leaves the folder", renamed("../evil"), vec!["`../evil` is not one below a folder"]),
        ("an absolute path", renamed("/tmp/evil"), vec!["is not one below a folder"]),
        ("a path of another system", renamed("c:\\evil"), vec!["is not one below a folder"]),
        ("a file twice", renamed("A.recipe"), vec!["twice"]),
        (
            "a bomb",
            remade(&files, |manifest| manifest["files"][rows - 1]["bytes"] = (1u64 << 40).into()),
            vec!["more than 1073741824"],
        ),
        (
            "another recipe under the same name",
            remade(
                &with(place("a.recipe"), &|file| {
                    file.1 = String::from_utf8(file.1.clone())
                        .expect("text")
                        .replace("gamma       : number in 0..4 = 0.5", "gamma       : number in 0..4 = 0.6")
                        .into_bytes()
                }),
                |_| {},
            ),
            vec!["`a.recipe` means something else"],
        ),
        (
            "a manifest in another layout",
            {
                let mut f = files.clone();
                f[0].1.push(b' ');
                archive(&f)
            },
            vec!["`manifest.json` is not in the form"],
        ),
    ];
    let mut padding = good.clone();
    let hidden = 512 + files[0].1.len();
    padding[hidden] = 7;
    cases.push(("bytes hidden in the padding", padding, vec!["hidden behind the end of `manifest.json`"]));
    for (what, pack, words) in &cases {
        assert!(*pack != good, "{what} changes nothing");
        write(here.join("bad.recipec"), pack);
        refused(
            &["unpack", "bad.recipec", "--out", "out"],
            here,
            &[&["recipe::pack::refused", "`bad.recipec`"][..], words].concat(),
        );
        assert!(!here.join("out").exists() && !here.join(".unpacking-out").exists(), "{what}");
    }
    assert!(!here.join("evil").exists() && !here.parent().expect("above").join("evil").exists());
    // A pack that fits in itself, but is not the one that was meant.
    let other = remade(&with(rows, &|file| file.1[12] ^= 1), |_| {});
    write(here.join("bad.recipec"), other);
    refused(&["unpack", "bad.recipec", "--out", "out", "--digest", &digest], here, &["another pack", &digest]);
    // Bytes of any kind are refused without a panic.
    for at in (0..good.len()).step_by(97) {
        let mut pack = good.clone();
        pack[at] = pack[at].wrapping_add(1 + (at % 200) as u8);
        write(here.join("bad.recipec"), &pack);
        refused(&["unpack", "bad.recipec", "--list"], here, &["recipe::pack::refused"]);
    }
}

/// Eight kinds.
#[test]
fn a_lock_that_was_tampered_with_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    project(here);
    done(&["lock", "a.recipe"], here);
    let good = String::from_utf8(read(here.join("a.lock"))).expect("text");
    let lock: serde_json::Value = serde_json::from_str(&good).expect("JSON");
    let text = |path: &str| lock.pointer(path).and_then(serde_json::Value::as_str).expect("a text").to_string();
    let (hash, rows, calls) = (text("/hash"), text("/data/file(\"rows.jsonl\")"), text("/data/builtin(\"calls\")"));
    let program = text("/program");
    for (what, bad, words) in [
        (
            "the hash",
            good.replace(&hash, &hash.replace(|c: char| c.is_ascii_digit(), "f")),
            vec!["recipe::run::locked", hash.as_str()],
        ),
        (
            "the digest of rows",
            good.replace(&rows, "blake3 00"),
            vec!["recipe::run::locked", "file(\"rows.jsonl\")", "blake3 00"],
        ),
        (
            "a generator",
            good.replace(&calls, "generator, version 0"),
            vec!["recipe::run::locked", "builtin(\"calls\")"],
        ),
        ("the program", good.replace(&program, "recipec 0.0.1"), vec!["recipe::run::locked", "recipec 0.0.1"]),
        ("the edition", good.replace("\"edition\": 2026", "\"edition\": 2025"), vec!["recipe::run::locked", "2025"]),
        (
            "a field more",
            good.replacen('{', "{\n  \"trusted\": true,", 1),
            vec!["recipe::run::bad_lock", "trusted", "a.lock"],
        ),
        ("a cut", good[..good.len() / 2].to_string(), vec!["recipe::run::bad_lock", "a.lock"]),
        ("the version", good.replace("\"lock\": 1", "\"lock\": 99"), vec!["recipe::run::bad_lock", "99"]),
    ] {
        assert_ne!(bad, good, "{what} changes nothing");
        write(here.join("a.lock"), bad);
        refused(&["check", "--locked", "a.recipe"], here, &words);
        refused(&["run", "--locked", "a.recipe", "--runs", "runs"], here, &words[..1]);
    }
    assert!(!here.join("runs").exists());
}

/// Eight kinds.
#[test]
fn a_checkpoint_that_was_tampered_with_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    project(here);
    let text = String::from_utf8(read(here.join("a.recipe"))).expect("text");
    write(here.join("a.recipe"), text.replace("steps      = 6 steps", "steps      = 2 steps"));
    done(&["run", "a.recipe", "--runs", "runs"], here);
    let run = here.join("runs/tiny-1");
    let checkpoint = run.join("checkpoints/step-2");
    let place = "runs/tiny-1/checkpoints/step-2";
    done(&["whence", place], here);
    let flip = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    let mut kinds = 0;
    for name in
        ["model.safetensors", "optimizer.safetensors", "config.json", "tokenizer.json", "plan.json", "state.json"]
    {
        let path = checkpoint.join(name);
        let good = read(&path);
        // One bit in the middle, and the last half gone.
        for bad in [flip(&good, good.len() / 2), good[..good.len() / 2].to_vec()] {
            write(&path, bad);
            let named = if name == "state.json" { "state.json" } else { name };
            refused(&["whence", place], here, &["recipe::run::damaged_file", named]);
            kinds += 1;
        }
        std::fs::remove_file(&path).expect("a file");
        let (code, _, err) = said(&["whence", place], here);
        assert!(code != 0 && (err.contains(name) || err.contains("neither")), "{name}: {err}");
        write(&path, good);
        kinds += 1;
    }
    done(&["whence", place], here);
    assert!(kinds >= 18);
}
