//! `recipec fmt FILE…`

use super::compile::print_found;
use super::{Exit, say};
use crate::loader;
use recipec_compiler::problems::Problems;
use recipec_compiler::resolve::report_syntax;
use recipec_compiler::{Refused, Source, format};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// So many changed lines of a file are shown by `--check`; the rest is counted.
const SHOWN: usize = 40;

/// So many characters of such a line.
const WIDEST: usize = 200;

#[derive(clap::Args)]
pub struct Args {
    /// Recipes; `-` reads standard input and writes to standard output.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write nothing; say what would change, and exit with 1 if anything would.
    #[arg(long)]
    check: bool,
}

pub fn run(args: &Args) -> Exit {
    let mut worst = Exit::Done;
    for file in &args.files {
        let exit = one(file, args.check);
        if exit as u8 > worst as u8 {
            worst = exit;
        }
    }
    worst
}

fn one(file: &Path, check: bool) -> Exit {
    let name = file.display();
    let source = match loader::read_exactly(file) {
        Ok(source) => source,
        Err(why) => {
            eprintln!("error: cannot read `{name}`: {why}");
            return Exit::Usage;
        }
    };
    let text = match format(&source) {
        Ok(text) => text,
        Err(Refused::Syntax(errors)) => {
            let mut problems = Problems::new();
            report_syntax(errors, &source.text, &mut problems);
            print_found(&problems, &[source]);
            eprintln!("error: `{name}` is left as it is: its layout is not known before its syntax is right");
            return Exit::WrongRecipe;
        }
        Err(Refused::Changed) => {
            eprintln!(
                "error: `{name}` is left as it is: its new layout would read differently\n  \
                 help: this is a defect of the formatter, not of the recipe; please report it"
            );
            return Exit::WrongRecipe;
        }
    };
    let stdin = file == Path::new("-");
    if check {
        if text == *source.text {
            return Exit::Done;
        }
        say(difference(&source, &text).trim_end());
        return Exit::WrongRecipe;
    }
    if stdin {
        // The text ends with its own line break; a reader that has gone away ends the command quietly.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
        return Exit::Done;
    }
    if text == *source.text {
        return Exit::Done;
    }
    match replace(file, &text) {
        Ok(()) => {
            say(&format!("{name}: laid out"));
            Exit::Done
        }
        Err(why) => {
            eprintln!("error: cannot write `{name}`: {why}");
            Exit::Usage
        }
    }
}

/// Writes a file under a temporary name beside it and renames it, so that it is never half written. A link stays a link,
/// and the permissions of the file stay.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let file = std::fs::canonicalize(file)?;
    let mut name = file.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = file.with_file_name(name);
    let written = (|| {
        let mut out = std::fs::File::options().write(true).create_new(true).open(&temporary)?;
        out.write_all(text.as_bytes())?;
        out.set_permissions(std::fs::metadata(&file)?.permissions())?;
        out.sync_all()?;
        std::fs::rename(&temporary, &file)
    })();
    if written.is_err() {
        // What is left of the attempt; that it cannot be removed says nothing new.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// The lines that change, each with its number in the text as it is.
fn difference(source: &Source, text: &str) -> String {
    let old: Vec<&str> = source.text.lines().collect();
    let new: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let _ = writeln!(out, "{}: not laid out", source.name);
    let (mut shown, mut hidden) = (0, 0);
    let mut line = |out: &mut String, sign: char, number: usize, text: &str| {
        if shown < SHOWN {
            shown += 1;
            let short: String = text.chars().take(WIDEST).collect();
            let rest = if short.len() < text.len() { "…" } else { "" };
            let _ = writeln!(out, "{number:>5} {sign} {short}{rest}");
        } else {
            hidden += 1;
        }
    };
    let (mut a, mut b) = (0, 0);
    while a < old.len() || b < new.len() {
        if old.get(a) == new.get(b) {
            a += 1;
            b += 1;
            continue;
        }
        let (to_a, to_b) = meet(&old, &new, a, b);
        for (number, text) in old.iter().enumerate().take(to_a).skip(a) {
            line(&mut out, '-', number + 1, text);
        }
        for (number, text) in new.iter().enumerate().take(to_b).skip(b) {
            line(&mut out, '+', number + 1, text);
        }
        (a, b) = (to_a, to_b);
    }
    if hidden > 0 {
        let _ = writeln!(out, "and {hidden} more lines");
    }
    if shown == 0 {
        let _ = writeln!(out, "only the ends of lines differ");
    }
    out
}

/// Where two texts agree again behind a difference: the nearest pair of equal lines, looked for a little ahead.
fn meet(old: &[&str], new: &[&str], a: usize, b: usize) -> (usize, usize) {
    const AHEAD: usize = 32;
    for distance in 1..2 * AHEAD {
        for step in 0..=distance {
            let (x, y) = (a + step, b + distance - step);
            if let (Some(one), Some(other)) = (old.get(x), new.get(y))
                && one == other
                && !one.trim().is_empty()
            {
                return (x, y);
            }
        }
    }
    ((a + AHEAD).min(old.len()), (b + AHEAD).min(new.len()))
}
