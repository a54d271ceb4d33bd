//! `recipec check FILE…`, and `--fix`

use super::compile::{Changes, check_file, check_source, options, print_problems, read};
use super::{Exit, say};
use crate::facts::Look;
use recipec_compiler::diagnostic::{fixes, json};
use recipec_compiler::{Checked, FileId, Source};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// Recipes; `-` reads standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    /// One JSON object per problem on standard output.
    #[arg(long)]
    json: bool,
    /// Warnings count as errors.
    #[arg(long)]
    strict: bool,
    #[cfg(feature = "run")]
    #[command(flatten)]
    locked: super::lock::LockedArgs,
    /// Make the edits that are certain, in the files themselves, and check again.
    #[arg(long)]
    fix: bool,
}

pub fn run(args: &Args) -> Exit {
    let mut worst = Exit::Done;
    for (at, file) in args.files.iter().enumerate() {
        let checked = if args.fix { fixed(file, &args.changes) } else { check_file(file, &args.changes) };
        let checked = match checked {
            Ok(checked) => checked,
            Err(exit) => return exit,
        };
        if args.json {
            let lines = json::render(&checked.problems, &checked.sources);
            if !lines.is_empty() {
                say(lines.trim_end());
            }
        } else {
            print_problems(&checked);
        }
        let wrong = checked.recipe.is_none() || (args.strict && checked.problems.warnings() > 0);
        if wrong {
            worst = Exit::WrongRecipe;
            continue;
        }
        #[cfg(feature = "run")]
        if let Some(recipe) = checked.recipe.as_ref().filter(|_| args.locked.asked())
            && let Err(exit) = holds(args, file, recipe)
        {
            worst = exit;
            continue;
        }
        if let (Some(recipe), false) = (&checked.recipe, args.json) {
            let mut line = format!("{}: recipe `{}` is fine", file.display(), recipe.name);
            if !recipe.guarantees.is_empty() {
                let decisions = recipe.guarantees.iter().filter_map(|guarantee| guarantee.decision.as_ref());
                line.push_str(&format!("; {}", recipec_compiler::prove::words::summary(decisions)));
            }
            for (code, reason) in &recipe.allows {
                line.push_str(&format!("\n  allowed: {code} because \"{reason}\""));
            }
            say(&line);
            print_notes(&checked);
            if at + 1 == args.files.len() {
                // The process ends here: taking a thousand domains apart piece by piece would be a twentieth of its time.
                std::mem::forget(checked);
                break;
            }
        }
    }
    worst
}

/// Everything outside of the recipe is as its lock says.
#[cfg(feature = "run")]
fn holds(args: &Args, file: &Path, recipe: &recipec_compiler::Recipe) -> Result<(), Exit> {
    let place = args.locked.place(file, recipe.variant.as_deref())?;
    let Ok((_, plan)) = recipec_compiler::compile(recipe) else { return Err(Exit::WrongRecipe) };
    super::lock::hold(&place, &super::lock::of_recipe(recipe, &plan, super::lock::folder_of(file)))
}

/// Remarks that are no problems, dim on a terminal. Guarantees are counted in the line above.
fn print_notes(checked: &Checked) {
    let dim = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for note in checked.notes.iter().filter(|note| !note.starts_with("guarantee ")) {
        say(&if dim { format!("  \u{1b}[2m{note}\u{1b}[0m") } else { format!("  {note}") });
    }
}

/// Makes the certain edits in a file; what a check finds then.
fn fixed(file: &Path, changes: &Changes) -> Result<Checked, Exit> {
    let usage = |why: String| {
        eprintln!("error: {why}");
        Exit::Usage
    };
    if file == Path::new("-") {
        return Err(usage("`--fix` changes files, and standard input is none".into()));
    }
    let options = options(changes)?;
    let source = read(file)?;
    let check =
        |text: &str| check_source(file, &Source::new(FileId(0), source.name.as_str(), text), &options, Look::Quick);
    let mended = fixes::mend(&source.text, &check);
    if mended.made.is_empty() {
        return Ok(mended.checked);
    }
    // Bytes that are no text were replaced when the file was read; writing those back would lose them.
    let bytes = std::fs::read(file).map_err(|why| usage(format!("cannot read `{}`: {why}", file.display())))?;
    if bytes != source.text.as_bytes() {
        return Err(usage(format!("`{}` is not UTF-8, or has changed meanwhile: it is left as it is", file.display())));
    }
    write(file, &mended.text).map_err(|why| usage(format!("cannot write `{}`: {why}", file.display())))?;
    for made in &mended.made {
        let edit = match made.was.trim() {
            "" => format!("put in `{}`", made.is.trim()),
            was => format!("`{was}` is now `{}`", made.is.trim()),
        };
        eprintln!("{}:{}: {edit}", file.display(), made.line);
    }
    Ok(mended.checked)
}

/// Replaces a file as a whole: whoever reads it sees the old text or the new one.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    // A link stays a link: the file behind it is replaced.
    let file = file.canonicalize()?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let new = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = (|| {
        let mut out = std::fs::File::create_new(&new)?;
        out.set_permissions(std::fs::metadata(&file)?.permissions())?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&new, &file)
    })();
    if written.is_err() {
        // The old text is still there; what was begun beside it is not left behind.
        std::fs::remove_file(&new).ok();
    }
    written
}
