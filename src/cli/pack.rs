//! `recipec pack FILE -o X.recipec` and `recipec unpack X.recipec`: a recipe with what it needs, as one file that is the same wherever it
//! is made, and that says what differs when it is not.

mod archive;
mod manifest;

use super::compile::{Changes, check_file, print_problems};
use super::{Exit, say};
use archive::{Entry, Refused};
use manifest::{MANIFEST, Manifest};
use recipec_compiler::plan::NodeKind;
use recipec_compiler::settings::{DataSource, ModelSource};
use recipec_compiler::{Checked, Plan, identity};
use recipec_runtime::disk;
use recipec_runtime::lock::{self, Lock};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

#[derive(clap::Args)]
pub struct PackArgs {
    /// The recipe.
    file: PathBuf,
    /// The archive; the recipe's name with `.recipec` if absent.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also the weights of models in folders below the recipe's.
    #[arg(long)]
    weights: bool,
    /// Leave out files of rows: whoever unpacks has them, and the lock says which.
    #[arg(long)]
    without_data: bool,
    /// Most bytes of all files together.
    #[arg(long, default_value_t = 1 << 30)]
    max_bytes: u64,
}

#[derive(clap::Args)]
pub struct UnpackArgs {
    /// The archive.
    file: PathBuf,
    /// The folder to make; the archive's name without its ending if absent.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Refuse a pack with another digest than this one, which `recipec pack` printed.
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
    /// Most bytes of all files together.
    #[arg(long, default_value_t = 1 << 30)]
    max_bytes: u64,
    /// List what is in it, every digest compared, and write nothing.
    #[arg(long)]
    list: bool,
}

fn refused(why: &str, help: &str) -> Exit {
    eprintln!("recipe::pack::refused\n\n  × {why}\n  help: {help}");
    Exit::WrongRecipe
}

/// Packs a recipe.
pub fn pack(args: &PackArgs) -> Exit {
    if args.file == Path::new("-") {
        eprintln!("error: a recipe from standard input has no folder to be packed with");
        return Exit::Usage;
    }
    let checked = match check_file(&args.file, &Changes::default()) {
        Ok(checked) => checked,
        Err(exit) => return exit,
    };
    print_problems(&checked);
    let Some(recipe) = &checked.recipe else { return Exit::WrongRecipe };
    let plan = match recipec_compiler::compile(recipe) {
        Ok((_, plan)) => plan,
        Err(why) => return refused(&why.to_string(), "this is a defect of the compiler; please report it"),
    };
    let hash = identity::of_plan(recipe, &plan).hash();
    let folder = super::lock::folder_of(&args.file);
    let files = match files(args, &checked, &plan, folder) {
        Ok(files) => files,
        Err(why) => return refused(&why, "move it below the recipe's folder, make it smaller, or leave it out"),
    };
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let manifest = match Manifest::of(&name, &hash, folder, &files, args.max_bytes) {
        Ok(manifest) => manifest,
        Err(why) => {
            return refused(
                &why,
                "a pack is for small things: `--without-data`, no `--weights`, or a larger `--max-bytes`",
            );
        }
    };
    let out = args.out.clone().unwrap_or_else(|| args.file.with_extension("recipec"));
    let written = disk::write_with(&out, |path| archive::write(path, &manifest, folder));
    if let Err(why) = written {
        eprintln!("recipe::run::io\n\n  × cannot write `{}`: {why}", out.display());
        return Exit::RunFailed;
    }
    say(&format!("{}  {}", manifest.digest(), out.display()));
    for file in &manifest.files {
        say(&format!("{:>12}  {}", file.bytes, file.path));
    }
    Exit::Done
}

/// Paths of everything that goes in, from the recipe's folder.
fn files(args: &PackArgs, checked: &Checked, plan: &Plan, folder: &Path) -> Result<BTreeSet<String>, String> {
    let mut files = BTreeSet::new();
    for source in &checked.sources {
        let full = Path::new(&source.name);
        // What was fetched by its digest is in the cache of whoever runs it, or is fetched again.
        if source.name.contains("://") {
            continue;
        }
        files.insert(below(folder, full)?);
    }
    let mut add = |path: &str| -> Result<(), String> {
        let full = folder.join(path);
        if !full.is_file() {
            return Err(format!("`{path}`, which the recipe names, is not there"));
        }
        files.insert(below(folder, &full)?);
        Ok(())
    };
    let mut locks = vec![lock::place(&args.file, None)];
    let variants = checked.recipe.iter().flat_map(|recipe| &recipe.variants);
    locks.extend(variants.map(|variant| lock::place(&args.file, Some(variant))));
    for lock in locks.iter().filter(|lock| lock.is_file()) {
        add(&below(folder, lock)?)?;
    }
    if !args.without_data {
        for path in rows(plan) {
            add(&path)?;
        }
    }
    if args.weights {
        let frozen = plan.stages.iter().flat_map(|stage| &stage.nodes).filter_map(|node| match &node.kind {
            NodeKind::Model { source, .. } => Some(source),
            _ => None,
        });
        for source in std::iter::once(&plan.policy.source).chain(frozen) {
            let ModelSource::Folder { path } = source else { continue };
            let entries = std::fs::read_dir(folder.join(path)).map_err(|why| format!("cannot read `{path}`: {why}"))?;
            for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())) {
                add(&format!("{path}/{}", entry.file_name().to_string_lossy()))?;
            }
        }
    }
    Ok(files)
}

/// Files of rows that the plan reads.
fn rows(plan: &Plan) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut add = |source: &DataSource| {
        if let DataSource::File { path } = source {
            found.insert(path.clone());
        }
    };
    for node in plan.stages.iter().flat_map(|stage| &stage.nodes) {
        match &node.kind {
            NodeKind::Data { source, .. } => add(source),
            NodeKind::Evaluate { suites, .. } => {
                suites.iter().flat_map(|suite| &suite.parts).for_each(|part| add(&part.data))
            }
            _ => {}
        }
    }
    found
}

/// A path from the recipe's folder, with `/` between its parts; an error for one that is not below it.
fn below(folder: &Path, full: &Path) -> Result<String, String> {
    let inner =
        full.strip_prefix(folder).map_err(|_| format!("`{}` is not below the recipe's folder", full.display()))?;
    let mut parts = Vec::new();
    for part in inner.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str().ok_or("a path is not UTF-8")?.to_string()),
            Component::CurDir => {}
            _ => return Err(format!("`{}` is not below the recipe's folder", full.display())),
        }
    }
    Ok(parts.join("/"))
}

/// Unpacks an archive after everything in it was compared with its digest.
pub fn unpack(args: &UnpackArgs) -> Exit {
    let help = "take the pack anew from where it was made";
    let mut file = match std::fs::File::open(&args.file) {
        Ok(file) => file,
        Err(why) => {
            eprintln!("error: cannot read `{}`: {why}", args.file.display());
            return Exit::Usage;
        }
    };
    let out = args.out.clone().unwrap_or_else(|| args.file.with_extension(""));
    if !args.list && (out == args.file || out.symlink_metadata().is_ok()) {
        eprintln!("error: `{}` is there already; name another folder with `--out DIR`", out.display());
        return Exit::Usage;
    }
    let (manifest, entries) = match archive::read(&mut file, args.max_bytes) {
        Ok(read) => read,
        Err(Refused(why)) => return refused(&format!("`{}`: {why}", args.file.display()), help),
    };
    if let Some(wanted) = args.digest.as_ref().filter(|wanted| !wanted.eq_ignore_ascii_case(&manifest.digest())) {
        let why = format!(
            "`{}` is another pack\n      wanted {wanted}\n      found  {}",
            args.file.display(),
            manifest.digest()
        );
        return refused(&why, help);
    }
    if args.list {
        say(&format!("{}  {}", manifest.digest(), args.file.display()));
        for file in &manifest.files {
            say(&format!("{}  {:>12}  {}", file.blake3, file.bytes, file.path));
        }
        return Exit::Done;
    }
    let draft = disk::hidden(&out, ".unpacking-");
    let result = write_all(&mut file, &entries, &draft).and_then(|()| same_recipe(&manifest, &draft)).and_then(|()| {
        std::fs::rename(&draft, &out).map_err(|why| Refused(format!("cannot write `{}`: {why}", out.display())))
    });
    if let Err(Refused(why)) = result {
        std::fs::remove_dir_all(&draft).ok();
        return refused(&format!("`{}`: {why}", args.file.display()), help);
    }
    say(&format!("{}  {}", manifest.digest(), out.join(&manifest.recipe).display()));
    Exit::Done
}

fn write_all(file: &mut std::fs::File, entries: &[Entry], draft: &Path) -> Result<(), Refused> {
    let failed = |path: &Path, why: std::io::Error| Refused(format!("cannot write `{}`: {why}", path.display()));
    if draft.exists() {
        std::fs::remove_dir_all(draft).map_err(|why| failed(draft, why))?;
    }
    std::fs::create_dir_all(draft).map_err(|why| failed(draft, why))?;
    for entry in entries.iter().filter(|entry| entry.path != MANIFEST) {
        let path = draft.join(&entry.path);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).map_err(|why| failed(above, why))?;
        }
        entry.copy(file, &path).map_err(|why| failed(&path, why))?;
    }
    Ok(())
}

/// The recipe that was unpacked means what the manifest says, and so does its lock.
fn same_recipe(manifest: &Manifest, draft: &Path) -> Result<(), Refused> {
    let place = draft.join(&manifest.recipe);
    let checked = check_file(&place, &Changes::default()).map_err(|_| Refused("its recipe cannot be read".into()))?;
    let Some(recipe) = &checked.recipe else {
        print_problems(&checked);
        return Err(Refused("its recipe has errors".into()));
    };
    let found = identity::identity(recipe).map_err(|why| Refused(why.to_string()))?.hash();
    if found != manifest.recipe_hash {
        let (was, name) = (&manifest.recipe_hash, &manifest.recipe);
        return Err(Refused(format!("`{name}` means something else\n      packed {was}\n      found  {found}")));
    }
    let lock = lock::place(&place, None);
    if lock.is_file() {
        let lock = Lock::read(&lock).map_err(|why| Refused(why.to_string()))?;
        if lock.hash != found {
            return Err(Refused(format!(
                "its lock is of another recipe\n      locked {}\n      found  {found}",
                lock.hash
            )));
        }
    }
    Ok(())
}
