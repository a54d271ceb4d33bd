//! The files of a recipe: `extends` and `import`, through a loader that is handed in.

use crate::diagnostic::{Code, Diagnostic, codes, suggest};
use crate::problems::Problems;
use crate::units;
use recipec_grammar::source::{FileId, Source, Spanned};
use recipec_grammar::tree::{File, ItemKind, OtherFile, SyntaxError, SyntaxErrorKind};
use std::collections::BTreeSet;

/// Fetches the text of a file that a recipe names. The compiler itself reads nothing.
pub trait Loader {
    /// The file with a path as it was written in `from`. The error is a sentence without full stop; the id of the source is replaced.
    fn load(&self, path: &str, from: &Source) -> Result<Source, String>;

    /// The file behind an address whose BLAKE3 is this one, 64 hexadecimal digits. It must not give any other.
    fn fetch(&self, address: &str, blake3: &str) -> Result<Source, String> {
        let _ = (address, blake3);
        Err("nothing is fetched here".into())
    }

    /// The digest of what is behind an address now, for whoever has not written it; none where nothing is fetched.
    fn digest(&self, address: &str) -> Option<String> {
        let _ = address;
        None
    }
}

/// A loader for recipes that stand alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Loader for NoFiles {
    fn load(&self, path: &str, _from: &Source) -> Result<Source, String> {
        Err(format!("there is no file `{path}` here"))
    }
}

/// Parsed files.
pub(super) struct Layers {
    /// The outermost base first, the recipe itself last.
    pub recipes: Vec<File>,
    /// Imported files.
    pub imports: Vec<File>,
}

/// So many files may hang on one recipe.
const MOST_FILES: usize = 256;

/// So many bytes they may have together.
const MOST_BYTES: usize = 4 << 20;

/// Parses the recipe and what it extends and imports.
pub(super) fn read(root: Source, loader: &dyn Loader, sources: &mut Vec<Source>, problems: &mut Problems) -> Layers {
    let mut layers = Layers { recipes: Vec::new(), imports: Vec::new() };
    let mut chain = vec![root.name.clone()];
    let mut imported: Vec<String> = Vec::new();
    let mut next = Some(root);
    let mut tokens = 0;
    let mut asked: BTreeSet<String> = BTreeSet::new();
    while let Some(source) = next.take() {
        let (file, source) = parse(source, sources, &mut tokens, problems);
        let mut base: Option<&Spanned<String>> = None;
        for item in &file.items {
            match &item.kind {
                ItemKind::Extends(other) => {
                    let path = &other.path;
                    if let Some(first) = base {
                        problems.push(
                            Diagnostic::new(codes::DUPLICATE, "a recipe extends one other recipe")
                                .at(path.span, "a second base")
                                .at(first.span, "the first"),
                        );
                        continue;
                    }
                    base = Some(path);
                    if let Some(loaded) = load(other, &source, loader, problems) {
                        if chain.contains(&loaded.name) {
                            // There is no base, so what it would have set is not known.
                            problems.lose_text();
                            problems.push(
                                Diagnostic::new(codes::FILE_CYCLE, format!("`{}` extends itself", loaded.name))
                                    .at(path.span, "this file is already being read")
                                    .help("one recipe of the chain is the base: take its `extends` out"),
                            );
                        } else if fits(path, &loaded, sources, tokens, problems) {
                            chain.push(loaded.name.clone());
                            next = Some(loaded);
                        }
                    }
                }
                // A file that was asked for is not read again; nor is one behind so many that the limit has been reported.
                ItemKind::Import(other) if asked.len() <= MOST_FILES && asked.insert(other.path.node.clone()) => {
                    let path = &other.path;
                    let Some(loaded) = load(other, &source, loader, problems) else { continue };
                    if !imported.contains(&loaded.name) && fits(path, &loaded, sources, tokens, problems) {
                        imported.push(loaded.name.clone());
                        layers.imports.push(parse(loaded, sources, &mut tokens, problems).0);
                    }
                }
                _ => {}
            }
        }
        layers.recipes.push(file);
    }
    layers.recipes.reverse();
    layers
}

/// Whether a name is an address elsewhere and not a path.
pub fn is_address(name: &str) -> bool {
    name.contains("://")
}

fn load(other: &OtherFile, from: &Source, loader: &dyn Loader, problems: &mut Problems) -> Option<Source> {
    let path = &other.path;
    match (is_address(&path.node), &other.blake3) {
        (true, _) => return fetch(other, loader, problems),
        (false, Some(digest)) => {
            problems.lose_text();
            problems.push(
                Diagnostic::new(
                    codes::BAD_DIGEST,
                    format!("`{}` is a file of this folder and needs no digest", path.node),
                )
                .at(digest.span, "only an address has one")
                .help("take `blake3 \"…\"` out; `recipec lock` and `recipec pack` keep digests of files"),
            );
            return None;
        }
        (false, None) => {}
    }
    match loader.load(&path.node, from) {
        Ok(source) => Some(source),
        Err(why) => {
            problems.lose_text();
            problems.push(
                Diagnostic::new(codes::FILE_NOT_READ, format!("`{}` cannot be read: {why}", path.node))
                    .at(path.span, "named here")
                    .help("a path begins at the recipe's own folder and leads no higher"),
            );
            None
        }
    }
}

/// What is elsewhere is read only by its digest: who publishes it cannot change what a recipe means.
fn fetch(other: &OtherFile, loader: &dyn Loader, problems: &mut Problems) -> Option<Source> {
    let address = &other.path;
    let found = match &other.blake3 {
        Some(digest)
            if digest.node.len() == 64
                && digest.node.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()) =>
        {
            loader.fetch(&address.node, &digest.node).map_err(|why| {
                Diagnostic::new(codes::FILE_NOT_READ, format!("`{}` cannot be read: {why}", address.node))
                    .at(address.span, "named here")
                    .at(digest.span, "and this is what it must be")
                    .help("what was fetched once is kept and needs no network; `--allow-network` fetches it")
            })
        }
        Some(digest) => Err(Diagnostic::new(codes::BAD_DIGEST, "a digest is 64 hexadecimal digits in small letters")
            .at(digest.span, format!("{} characters", digest.node.chars().count()))
            .help("`b3sum FILE` prints it")),
        None => {
            let message = format!("`{}` is elsewhere and has no digest", address.node);
            let diagnostic = Diagnostic::new(codes::BAD_DIGEST, message).at(address.span, "named here");
            Err(match loader.digest(&address.node) {
                Some(digest) => diagnostic
                    .help(format!(
                        "what is there now is `blake3 \"{digest}\"`: read it, and write this behind the address"
                    ))
                    .fix(address.span, format!("\"{}\" blake3 \"{digest}\"", address.node), false),
                None => diagnostic.help(
                    "write `blake3 \"…\"` behind the address; `--allow-network` prints the digest of what is there",
                ),
            })
        }
    };
    match found {
        Ok(source) => Some(source),
        Err(diagnostic) => {
            problems.lose_text();
            problems.push(diagnostic);
            None
        }
    }
}

/// Whether one more file may be read; says so if not.
fn fits(path: &Spanned<String>, file: &Source, sources: &[Source], tokens: usize, problems: &mut Problems) -> bool {
    let bytes: usize = sources.iter().map(|source| source.text.len()).sum();
    let why = if sources.len() >= MOST_FILES {
        format!("a recipe has at most {MOST_FILES} files")
    } else if bytes + file.text.len() > MOST_BYTES || tokens > recipec_grammar::MAX_TOKENS / 2 {
        format!("the files of a recipe have at most {MOST_BYTES} bytes together")
    } else {
        return true;
    };
    problems.lose_text();
    problems.push(
        Diagnostic::new(codes::FILE_NOT_READ, format!("`{}` is one file too many: {why}", path.node))
            .at(path.span, "named here")
            .help("put what belongs together into one file"),
    );
    false
}

/// Parses one source and adds it to the list.
fn parse(mut source: Source, sources: &mut Vec<Source>, tokens: &mut usize, problems: &mut Problems) -> (File, Source) {
    source.id = FileId(u32::try_from(sources.len()).unwrap_or(u32::MAX));
    sources.push(source.clone());
    let parsed = recipec_grammar::parse(&source);
    *tokens += parsed.tokens;
    if parsed.lost_text {
        problems.lose_text();
    }
    report_syntax(parsed.errors, &source.text, problems);
    (parsed.file, source)
}

/// Pushes what the grammar found, each with its code.
pub fn report_syntax(errors: Vec<SyntaxError>, text: &str, problems: &mut Problems) {
    for error in errors {
        let mut diagnostic = Diagnostic::new(code(error.kind), error.message).at(error.span, error.label);
        for (span, text) in error.also {
            diagnostic = diagnostic.at(span, text);
        }
        diagnostic.help = error.help;
        if let (SyntaxErrorKind::BadLiteral, Some(word)) =
            (error.kind, text.get(error.span.start..error.span.end).map(str::trim))
            && let Some(unit) = meant_unit(word)
        {
            diagnostic.help = Some(format!("did you mean `{unit}`?"));
            diagnostic = diagnostic.fix(error.span, unit, true);
        }
        problems.push(diagnostic);
    }
}

/// The unit that a misspelt one was meant to be, where there is no doubt: all units as near as the nearest count the same.
fn meant_unit(word: &str) -> Option<&'static str> {
    if word.chars().count() < 3 || !word.chars().all(char::is_alphabetic) {
        return None;
    }
    let near: Vec<(usize, &'static str)> = units::UNITS
        .iter()
        .map(|(name, ..)| (suggest::distance(&word.to_lowercase(), name), *name))
        // One or two letters apart is no likeness of a unit of one or two letters.
        .filter(|(distance, name)| *distance <= 2 && *distance * 2 < name.len().min(word.len()))
        .collect();
    let meaning = |name: &str| units::unit(name);
    let first = near.first()?.1;
    if near.iter().any(|(_, name)| meaning(name) != meaning(first)) {
        return None;
    }
    // Plural before singular: `tokenz` is `tokens`.
    near.iter().map(|(distance, name)| (*distance, std::cmp::Reverse(name.len()), *name)).min().map(|(.., name)| name)
}

fn code(kind: SyntaxErrorKind) -> Code {
    match kind {
        SyntaxErrorKind::Unexpected => codes::SYNTAX_UNEXPECTED,
        SyntaxErrorKind::Missing => codes::SYNTAX_MISSING,
        SyntaxErrorKind::Unclosed => codes::SYNTAX_UNCLOSED,
        SyntaxErrorKind::TooDeep => codes::SYNTAX_TOO_DEEP,
        SyntaxErrorKind::BadLiteral => codes::SYNTAX_BAD_LITERAL,
    }
}
