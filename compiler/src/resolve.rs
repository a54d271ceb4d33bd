//! Files to definitions: every name is bound to what it names, and nothing is read for its value yet.
//!
//! In: the recipe's file and a [`Loader`] for what it extends and imports. Out: [`Resolved`], which always exists; what could not be
//! understood is missing from it and has been reported.

mod collect;
mod files;
pub mod mentions;
pub mod overrides;
pub mod settings;

pub use files::{Loader, NoFiles, is_address, report_syntax};
pub use overrides::View;
pub use settings::{Setting, Settings};

use crate::diagnostic::{Diagnostic, codes};
use crate::problems::Problems;
use recipec_grammar::source::{Source, Span, Spanned};
use recipec_grammar::tree::{self, Name};
use std::collections::BTreeMap;

/// A definition with the depth of the file that holds it: 0 for the outermost base, one more for each recipe that extends it.
#[derive(Debug, Clone)]
pub struct Defined<T> {
    /// What is defined.
    pub node: T,
    /// The name, where it was written.
    pub name: Name,
    /// Depth of its file.
    pub layer: u32,
}

/// A penalty or term.
#[derive(Debug, Clone)]
pub struct TermEntry {
    /// The definition, with its overrides applied.
    pub def: tree::TermDef,
    /// Position in the order of writing.
    pub position: usize,
    /// Where it comes from.
    pub origin: crate::recipe::Origin,
}

/// A stage as it was written.
#[derive(Debug, Clone)]
pub struct StageDef {
    /// The stage before it.
    pub after: Option<Name>,
    /// `override …` in its braces.
    pub overrides: Vec<tree::Setting>,
    /// Where `supervised { … }` stands, if it does.
    pub supervised: Option<Span>,
}

/// Everything that the files define.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// The name behind `recipe`.
    pub name: Option<Name>,
    /// The doc comment above it.
    pub doc: Option<String>,
    /// Doc comments above everything else that has a name, by kind and name: `param.gamma`, `variant.toy`, `suite.aime`.
    pub docs: BTreeMap<String, String>,
    /// Params in the order of writing.
    pub params: Vec<Defined<tree::Param>>,
    /// Named formulas.
    pub formulas: BTreeMap<String, Defined<tree::FormulaDef>>,
    /// Penalties and terms.
    pub terms: BTreeMap<String, Defined<TermEntry>>,
    /// Settings of all blocks by full path, as the recipe without variant and stage has them.
    pub settings: Settings,
    /// Names of blocks that have a name (`domain`, `model`, `suite`), in the order of writing.
    pub named: BTreeMap<&'static str, Vec<Defined<()>>>,
    /// Positions in the lists of `named`.
    positions: BTreeMap<(&'static str, String), usize>,
    /// Blocks without a name that were written, with their place.
    pub blocks: BTreeMap<&'static str, Defined<()>>,
    /// Stages in the order of writing.
    pub stages: Vec<Defined<StageDef>>,
    /// Variants in the order of writing.
    pub variants: Vec<Defined<Vec<tree::Setting>>>,
    /// Sweeps.
    pub sweeps: Vec<(Name, tree::Expr)>,
    /// Guarantees with the text span of the whole.
    pub guarantees: Vec<Spanned<tree::Guarantee>>,
    /// Tests with the text span of the whole.
    pub tests: Vec<Spanned<tree::TestDef>>,
    /// Accepted diagnostics: code and reason.
    pub allows: Vec<(Name, Spanned<String>)>,
    /// Codes that a base accepts: they stay accepted where it is the base's own text that they point at.
    pub inherited_allows: Vec<Name>,
}

impl Resolved {
    /// Names of the blocks of a kind, in the order of writing.
    pub fn names(&self, keyword: &str) -> impl Iterator<Item = &Name> {
        self.named.get(keyword).into_iter().flatten().map(|d| &d.name)
    }
}

/// Reads a recipe with all files that it needs. The sources grow by the files that were loaded.
pub fn resolve(root: Source, loader: &dyn Loader, sources: &mut Vec<Source>, problems: &mut Problems) -> Resolved {
    let mut layers = files::read(root, loader, sources, problems);
    limit(layers.recipes.iter_mut().chain(&mut layers.imports), problems);
    let mut resolved = Resolved::default();
    for (depth, file) in layers.recipes.iter().enumerate() {
        let last = depth + 1 == layers.recipes.len();
        collect::collect(file, u32::try_from(depth).unwrap_or(u32::MAX), last, &mut resolved, problems);
    }
    for file in &layers.imports {
        collect::collect_formulas(file, &mut resolved, problems);
    }
    resolved
}

/// So many params, formulas, terms, variants, guarantees, tests and the like may one recipe have; blocks are not counted.
const MOST_DEFINITIONS: usize = 10_000;

/// Takes out what is beyond the limit, and says so.
fn limit<'a>(files: impl Iterator<Item = &'a mut tree::File>, problems: &mut Problems) {
    let mut count = 0;
    for file in files {
        let mut first_beyond = None;
        file.items.retain(|item| {
            let counted = match &item.kind {
                tree::ItemKind::Block(block) => block.keyword.node == "variant",
                _ => true,
            };
            count += usize::from(counted);
            if counted && count > MOST_DEFINITIONS {
                first_beyond.get_or_insert(item.span);
                return false;
            }
            true
        });
        if let Some(span) = first_beyond {
            problems.lose_text();
            problems.push(
                Diagnostic::new(
                    codes::TOO_MANY,
                    format!("a recipe with its files has at most {MOST_DEFINITIONS} definitions"),
                )
                .at(span, "from here on nothing is read")
                .help("write recipes of their own that extend this one"),
            );
        }
    }
}
