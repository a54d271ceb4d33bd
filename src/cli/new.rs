//! `recipec new NAME`

use super::{Exit, say};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A recipe to begin with. Its text is a recipe of its own, with the template's name in place of the new one.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Template {
    /// Two built-in domains, demonstrations first; runs on a CPU in about a minute.
    Quickstart,
    /// Adaptive domain sampling and a difficulty-aware length penalty, for a model from the hub.
    Apriel,
    /// One domain and what a recipe cannot do without.
    Minimal,
}

impl Template {
    fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Quickstart => ("quickstart", include_str!("new/quickstart.recipe")),
            Self::Apriel => ("apriel", include_str!("new/apriel.recipe")),
            Self::Minimal => ("minimal", include_str!("new/minimal.recipe")),
        }
    }
}

#[derive(clap::Args)]
pub struct Args {
    /// The recipe's name, or the path of its file: `brief`, `experiments/brief.recipe`.
    name: PathBuf,
    /// What it begins with.
    #[arg(long, value_enum, default_value = "quickstart")]
    from: Template,
}

pub fn run(args: &Args) -> Exit {
    let file = if args.name.extension().is_some_and(|end| end == "recipe") {
        args.name.clone()
    } else {
        let mut name = args.name.clone().into_os_string();
        name.push(".recipe");
        PathBuf::from(name)
    };
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if !is_word(stem) {
        eprintln!(
            "error: `{stem}` cannot be the name of a recipe\n  \
             help: a name is letters, digits and `_`, and begins with no digit, for example `short_answers`"
        );
        return Exit::Usage;
    }
    match write(&file, &recipe(args.from, stem)) {
        Ok(()) => {
            let shown = file.display();
            say(&format!("{shown}: a recipe to change\n\n  recipec check {shown}\n  recipec test {shown}"));
            if !matches!(args.from, Template::Apriel) {
                say(&format!("  recipec run {shown}"));
            }
            Exit::Done
        }
        Err(why) if why.kind() == std::io::ErrorKind::AlreadyExists => {
            eprintln!("error: `{}` is there already, and is left as it is\n  help: take another name", file.display());
            Exit::Usage
        }
        Err(why) => {
            eprintln!("error: cannot write `{}`: {why}", file.display());
            Exit::Usage
        }
    }
}

/// The text of a template under another name.
fn recipe(template: Template, name: &str) -> String {
    let (own, text) = template.text();
    text.replacen(&format!("recipe {own} {{"), &format!("recipe {name} {{"), 1)
}

/// Whether the language takes it as a name.
fn is_word(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Writes a file that was not there before, in one step.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let mut out = std::fs::File::options().write(true).create_new(true).open(file)?;
    out.write_all(text.as_bytes())
}
