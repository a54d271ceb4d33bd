//! `recipec fmt` over every recipe of the repository, and over the same recipes with their blanks thrown about.

use proptest::prelude::*;
use recipec_grammar::format::{Refused, format};
use recipec_grammar::{FileId, Parsed, Source, parse};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All recipes below a folder, sorted.
fn recipes(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![repository().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "recipe") {
                let text = std::fs::read_to_string(&path).expect("a recipe");
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

fn read(text: &str) -> Parsed {
    parse(&Source::new(FileId(0), "any.recipe", text))
}

fn laid_out(text: &str) -> Result<String, Refused> {
    format(&Source::new(FileId(0), "any.recipe", text))
}

fn is_good(parsed: &Parsed) -> bool {
    parsed.errors.is_empty() && !parsed.lost_text
}

/// Everything but blanks, comments included: no layout may change it. A comment may pass the comma or the brace before which it stood.
fn letters(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().filter(|c| !c.is_whitespace() && *c != '\u{feff}').collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// What must hold for every text that has no syntax errors.
fn holds(name: &str, text: &str) -> String {
    let before = read(text);
    let made = laid_out(text).unwrap_or_else(|why| panic!("{name}: {why:?}\n{text}"));
    let after = read(&made);
    assert!(is_good(&after), "{name}: the new text has errors: {:?}\n{made}", after.errors);
    assert_eq!(
        before.file.clone().without_places(),
        after.file.clone().without_places(),
        "{name}: another tree\n{made}"
    );
    let comments = |parsed: &Parsed| parsed.file.comments.iter().map(|c| c.node.clone()).collect::<Vec<_>>();
    assert_eq!(comments(&before), comments(&after), "{name}: other comments\n{made}");
    assert_eq!(letters(text), letters(&made), "{name}: other letters\n{made}");
    let again = laid_out(&made).unwrap_or_else(|why| panic!("{name}: {why:?}\n{made}"));
    let differs = made.lines().zip(again.lines()).position(|(one, other)| one != other);
    let around =
        |text: &str| text.lines().skip(differs.unwrap_or(0).saturating_sub(3)).take(7).collect::<Vec<_>>().join("\n");
    assert!(made == again, "{name}: laid out twice:\n{}\n\nand then\n{}\n", around(&made), around(&again));
    for line in made.lines() {
        assert_eq!(line, line.trim_end(), "{name}: blanks at the end of a line");
    }
    assert!(!made.contains("\n\n\n") && !made.starts_with('\n') && !made.ends_with("\n\n"), "{name}: empty lines");
    made
}

#[test]
fn every_recipe_keeps_its_meaning() {
    let mut count = 0;
    for folder in ["recipes", "tests"] {
        for (path, text) in recipes(folder) {
            if is_good(&read(&text)) {
                count += 1;
                holds(&path.display().to_string(), &text);
            }
        }
    }
    assert!(count >= 80, "only {count} recipes: were the files found?");
}

/// Recipes that are to be read are in the one layout. `recipec fmt recipes/*.recipe` writes it.
#[test]
fn recipes_of_the_repository_are_laid_out() {
    let mut faults = Vec::new();
    for (path, text) in ["recipes", "tests/accept", "src/cli/new"].into_iter().flat_map(recipes) {
        if laid_out(&text).as_ref() != Ok(&text) {
            faults.push(path.display().to_string());
        }
    }
    assert!(faults.is_empty(), "not laid out: {faults:?}");
}

/// A source of choices that depends on one number only.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides.max(1)
    }
}

/// How much of the layout is thrown about.
#[derive(Clone, Copy, PartialEq)]
enum Thrown {
    /// Blanks within lines, indentation, the number of empty lines above one.
    Blanks,
    /// Line breaks and comments too.
    All,
}

/// The same recipe with another layout. Outside of brackets a line break can begin an item, and behind a number it says that no unit
/// follows; so there line breaks stay where they are.
fn thrown(text: &str, what: Thrown, dice: &mut Dice) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at, mut depth) = (String::new(), 0usize, 0usize);
    let (mut after_number, mut after_comment) = (false, false);
    while let Some(&byte) = bytes.get(at) {
        let rest = &text[at..];
        if byte.is_ascii_whitespace() {
            let run = rest.bytes().take_while(u8::is_ascii_whitespace).count();
            let breaks = rest[..run].matches('\n').count();
            // A word behind a number is a key because of the `=` or `{` on its line.
            if after_comment && what == Thrown::All {
                out.push('\n');
            }
            let of_key = rest[run..].starts_with(['=', '{']);
            blank(&mut out, breaks, depth > 0 && !after_number && !after_comment && !of_key, what, dice);
            at += run;
            continue;
        }
        let length = match byte {
            b'/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            b'"' => {
                2 + rest[1..]
                    .char_indices()
                    .scan(false, |escaped, (idx, c)| {
                        let ends = c == '"' && !*escaped;
                        *escaped = c == '\\' && !*escaped;
                        Some((idx, ends))
                    })
                    .find(|(_, ends)| *ends)
                    .map_or(0, |(idx, _)| idx)
            }
            b if b.is_ascii_alphanumeric() || b == b'_' => {
                rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'%' | b':')).count()
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        let piece = &rest[..length.clamp(1, rest.len())];
        let bracket = piece.len() == 1 && "(){}[],".contains(piece);
        if bracket && piece != "{" && what == Thrown::All && depth > 0 && dice.roll(6) == 0 {
            blank(&mut out, 0, !after_number, what, dice);
        }
        out.push_str(piece);
        match piece {
            "(" | "{" | "[" => depth += 1,
            ")" | "}" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if bracket && piece != "," && depth > 0 && dice.roll(6) == 0 {
            blank(&mut out, 0, what == Thrown::All, what, dice);
        }
        after_number = byte.is_ascii_digit();
        after_comment = piece.starts_with("//");
        at += piece.len();
    }
    out
}

fn blank(out: &mut String, breaks: usize, free: bool, what: Thrown, dice: &mut Dice) {
    let blanks = |out: &mut String, dice: &mut Dice| {
        for _ in 0..dice.roll(5) {
            out.push(if dice.roll(8) == 0 { '\t' } else { ' ' });
        }
    };
    let broken = if what == Thrown::All && free { dice.roll(3) == 0 } else { breaks > 0 };
    if !broken {
        out.push(' ');
        blanks(out, dice);
        return;
    }
    let lines = match what {
        // One empty line stays one; more are the same as one.
        Thrown::Blanks if breaks > 1 => 2 + dice.roll(3),
        Thrown::Blanks => 1,
        Thrown::All => 1 + dice.roll(4),
    };
    for _ in 0..lines {
        if what == Thrown::All && dice.roll(4) == 0 {
            out.push_str(" // thrown in");
        }
        blanks(out, dice);
        out.push_str(if dice.roll(10) == 0 { "\r\n" } else { "\n" });
    }
    blanks(out, dice);
    // An indented line begins no item by accident.
    if free {
        out.push(' ');
    }
}

fn whole_recipes() -> Vec<(PathBuf, String)> {
    let all = ["recipes", "tests/accept"].into_iter().flat_map(recipes);
    all.filter(|(_, text)| is_good(&read(text))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever wrote the blanks: the layout is the same.
    #[test]
    fn blanks_do_not_matter(seed in any::<u64>(), which in any::<prop::sample::Index>()) {
        let recipes = whole_recipes();
        let (path, text) = which.get(&recipes);
        let text = text.as_str();
        let mixed = thrown(text, Thrown::Blanks, &mut Dice(seed));
        prop_assert_eq!(read(&mixed).file.without_places(), read(text).file.without_places(), "{}", path.display());
        prop_assert_eq!(laid_out(&mixed), laid_out(text), "{}\n{}", path.display(), mixed);
    }

    /// With line breaks and comments anywhere, everything but the blanks stays.
    #[test]
    fn thrown_about_recipes_keep_their_meaning(seed in any::<u64>(), which in any::<prop::sample::Index>()) {
        let recipes = whole_recipes();
        let (path, text) = which.get(&recipes);
        let mixed = thrown(text, Thrown::All, &mut Dice(seed));
        let parsed = read(&mixed);
        prop_assert!(is_good(&parsed), "{}: {:?}\n{mixed}", path.display(), parsed.errors);
        prop_assert_eq!(parsed.file.without_places(), read(text).file.without_places(), "{}", path.display());
        holds(&path.display().to_string(), &mixed);
    }
}

// ---- the command ----

fn recipec(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipec"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1").output().expect("the program starts")
}

const UNTIDY: &str = "recipe a{edition=2026}\nbudget{\n output=96 tokens // cap\n}\n";
const TIDY: &str = "recipe a { edition = 2026 }\nbudget {\n  output = 96 tokens  // cap\n}\n";

#[test]
fn files_are_laid_out_in_place() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a.recipe", "b.recipe"] {
        std::fs::write(folder.path().join(name), UNTIDY).expect("a recipe is written");
    }
    let check = recipec(&["fmt", "--check", "a.recipe", "b.recipe"], folder.path());
    assert_eq!(check.status.code(), Some(1));
    let list = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(list.contains("a.recipe: not laid out") && list.contains("b.recipe: not laid out"), "{list}");
    assert!(list.contains("    1 - recipe a{edition=2026}\n    2 - budget{\n"), "{list}");
    assert!(list.contains("    3 +   output = 96 tokens  // cap\n") && !list.contains("    4 "), "{list}");
    assert_eq!(
        std::fs::read_to_string(folder.path().join("a.recipe")).expect("read"),
        UNTIDY,
        "--check writes nothing"
    );
    let fmt = recipec(&["fmt", "a.recipe", "b.recipe"], folder.path());
    assert_eq!(fmt.status.code(), Some(0), "{}", String::from_utf8_lossy(&fmt.stderr));
    for name in ["a.recipe", "b.recipe"] {
        assert_eq!(std::fs::read_to_string(folder.path().join(name)).expect("read"), TIDY);
    }
    let again = recipec(&["fmt", "--check", "a.recipe", "b.recipe"], folder.path());
    assert_eq!((again.status.code(), again.stdout.len()), (Some(0), 0));
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").collect();
    assert_eq!(left.len(), 2, "no temporary file is left");
}

#[test]
fn what_cannot_be_laid_out_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let broken = "budget { output = }\nmix{a=1}\n";
    std::fs::write(folder.path().join("broken.recipe"), broken).expect("written");
    std::fs::write(folder.path().join("bytes.recipe"), b"budget { a = \"\xff\" }\n").expect("written");
    std::fs::write(folder.path().join("good.recipe"), UNTIDY).expect("written");
    let fmt = recipec(&["fmt", "broken.recipe", "good.recipe"], folder.path());
    let said = String::from_utf8_lossy(&fmt.stderr).into_owned();
    assert_eq!(fmt.status.code(), Some(1), "{said}");
    assert!(said.contains("recipe::syntax::missing") && said.contains("broken.recipe:1"), "{said}");
    assert_eq!(std::fs::read_to_string(folder.path().join("broken.recipe")).expect("read"), broken);
    assert_eq!(std::fs::read_to_string(folder.path().join("good.recipe")).expect("read"), TIDY, "others are laid out");
    let fmt = recipec(&["fmt", "bytes.recipe"], folder.path());
    assert_eq!(fmt.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&fmt.stderr).contains("UTF-8"));
    assert_eq!(std::fs::read(folder.path().join("bytes.recipe")).expect("read"), b"budget { a = \"\xff\" }\n");
    assert_eq!(recipec(&["fmt", "absent.recipe"], folder.path()).status.code(), Some(2));
    assert_eq!(recipec(&["fmt", "."], folder.path()).status.code(), Some(2));
}

#[test]
fn standard_input_goes_to_standard_output() {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_recipec"))
        .args(["fmt", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("its input").write_all(UNTIDY.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(0), TIDY));
}

#[cfg(unix)]
#[test]
fn links_and_permissions_stay() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let (file, link) = (folder.path().join("a.recipe"), folder.path().join("link.recipe"));
    std::fs::write(&file, UNTIDY).expect("written");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("permissions");
    std::os::unix::fs::symlink("a.recipe", &link).expect("a link");
    assert_eq!(recipec(&["fmt", "link.recipe"], folder.path()).status.code(), Some(0));
    assert!(link.symlink_metadata().expect("the link").is_symlink());
    assert_eq!(std::fs::read_to_string(&file).expect("read"), TIDY);
    assert_eq!(file.metadata().expect("the file").permissions().mode() & 0o777, 0o640);
}
