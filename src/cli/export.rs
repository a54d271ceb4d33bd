//! `recipec export FILE --to TARGET --out DIR`

mod rows;

use super::compile::{RecipeArgs, check_file, print_found, print_problems};
use super::{Exit, say};
use recipec_compiler::export::{self, Class, Export, Given, Target};
use recipec_compiler::problems::Problems;
use recipec_compiler::settings::DataSource;
use recipec_compiler::{Checked, Recipe};
use recipec_runtime::disk;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// The account of an export, in its folder.
const ACCOUNT: &str = "lowering.json";

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// The engine with its version: verl@0.9, pipelinerl@2026-06, trl@1.
    #[arg(long, value_name = "TARGET")]
    to: String,
    /// The folder to write; what an export wrote there before is replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The stage, of a recipe with several.
    #[arg(long)]
    stage: Option<String>,
    /// Begin with these weights, a folder or a name of the hub, in place of the recipe's: what the stages before left.
    #[arg(long, value_name = "WEIGHTS")]
    from: Option<String>,
    /// Leave out what the target cannot express, and say so in lowering.json.
    #[arg(long)]
    allow_lossy: bool,
    /// Print the account as JSON in place of the table.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Exit {
    let Some(target) = Target::named(&args.to) else {
        let known: Vec<&str> = Target::ALL.into_iter().map(Target::name).collect();
        eprintln!("error: there is no target `{}`; there are {}", args.to, known.join(", "));
        return Exit::Usage;
    };
    let checked = match check_file(&args.recipe.file, &args.recipe.changes) {
        Ok(checked) => checked,
        Err(exit) => return exit,
    };
    print_problems(&checked);
    let Some(recipe) = &checked.recipe else { return Exit::WrongRecipe };
    let folder = super::lock::folder_of(&args.recipe.file);
    // A folder of this machine is found from anywhere; other names are the hub's.
    let whole = |path: &Path| std::fs::canonicalize(path).ok().map(|path| path.display().to_string());
    let from = args.from.as_ref().map(|from| whole(Path::new(from)).unwrap_or_else(|| from.clone()));
    let here = if folder == Path::new("") { Path::new(".") } else { folder };
    let given = Given { stage: args.stage.clone(), from, folder: whole(here), at_hand: at_hand(recipe, folder) };
    let export = match export::export(recipe, target, &given) {
        Ok(export) => export,
        Err(why) => {
            eprintln!("error: {why}");
            return if matches!(why, export::ExportError::UnknownStage { .. }) {
                Exit::Usage
            } else {
                Exit::WrongRecipe
            };
        }
    };
    if !args.allow_lossy && refuse(&export, &checked) {
        return Exit::WrongRecipe;
    }
    if let Err(why) = free(&args.out) {
        eprintln!("error: {why}");
        return Exit::Usage;
    }
    if let Err(why) = write(&export, recipe, &args.out, folder) {
        eprintln!("recipe::run::io\n\n  × {why}");
        return Exit::RunFailed;
    }
    if args.json {
        say(&serde_json::to_string_pretty(&export.account()).unwrap_or_default());
    } else {
        table(&export, &args.out);
    }
    Exit::Done
}

/// Prints what the target cannot express; whether there is anything.
fn refuse(export: &Export, checked: &Checked) -> bool {
    let mut problems = Problems::new();
    let refusals = export.refusals();
    let any = !refusals.is_empty();
    for diagnostic in refusals {
        problems.push(diagnostic);
    }
    if any {
        print_found(&problems, &checked.sources);
        eprintln!("nothing was written");
    }
    any
}

/// Files of rows that are below the recipe's folder.
fn at_hand(recipe: &Recipe, folder: &Path) -> BTreeSet<String> {
    let of_domains = recipe.stages.iter().flat_map(|stage| &stage.domains).map(|domain| &domain.data);
    let of_suites = recipe.evaluate.iter().flat_map(|evaluate| &evaluate.suites).map(|suite| &suite.data);
    let inside =
        |path: &str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    of_domains
        .chain(of_suites)
        .filter_map(|source| match source {
            DataSource::File { path } if inside(path) && folder.join(path).is_file() => Some(path.clone()),
            _ => None,
        })
        .collect()
}

/// A folder that is not there, is empty, or holds an export.
fn free(out: &Path) -> Result<(), String> {
    match std::fs::read_dir(out) {
        Ok(mut entries) => match entries.next().is_none() || out.join(ACCOUNT).is_file() {
            true => Ok(()),
            false => Err(format!("`{}` is not empty and holds no export; name another folder", out.display())),
        },
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(why) => Err(format!("cannot use `{}`: {why}", out.display())),
    }
}

fn write(export: &Export, recipe: &Recipe, out: &Path, folder: &Path) -> Result<(), String> {
    let failed = |path: &Path, why: std::io::Error| format!("cannot write `{}`: {why}", path.display());
    std::fs::create_dir_all(out).map_err(|why| failed(out, why))?;
    let data = out.join("data");
    if data.is_dir() {
        std::fs::remove_dir_all(&data).map_err(|why| failed(&data, why))?;
    }
    for part in &export.rows {
        rows::write(part, export.target, recipe.seed, folder, &data)?;
    }
    let account = serde_json::to_string_pretty(&export.account()).unwrap_or_default() + "\n";
    let all = export.files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    for (name, text) in all.chain([(ACCOUNT, account.as_str())]) {
        let path = out.join(name);
        disk::write_whole(&path, text.as_bytes()).map_err(|why| format!("cannot write `{}`: {why}", path.display()))?;
        #[cfg(unix)]
        if name.ends_with(".sh") {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
                .map_err(|why| failed(&path, why))?;
        }
    }
    Ok(())
}

fn table(export: &Export, out: &Path) {
    let width = |of: &dyn Fn(&export::Item) -> usize| export.items.iter().map(of).max().unwrap_or(0);
    let (item, key) = (width(&|i| i.item.len()), width(&|i| i.key.len()).min(60));
    for row in &export.items {
        let line = format!("{:<item$}  {:<17}{:<key$}  {}", row.item, row.class.name(), row.key, row.remark);
        say(line.trim_end());
    }
    let counts: Vec<String> = Class::ALL
        .into_iter()
        .map(|class| format!("{} {}", export.items.iter().filter(|item| item.class == class).count(), class.name()))
        .collect();
    say(&format!("\n{} items for {}: {}", export.items.len(), export.target.name(), counts.join(", ")));
    say(&format!("written to {}: bash {}/launch.sh", out.display(), out.display()));
}
