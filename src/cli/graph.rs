//! `recipec graph FILE`

use super::compile::{RecipeArgs, compile};
use super::{Exit, say};
use recipec_compiler::graph::print;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// The language of the drawing.
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Graphviz.
    Dot,
    /// Mermaid, for Markdown.
    Mermaid,
}

pub fn run(args: &Args) -> Exit {
    let (recipe, graph, _) = match compile(&args.recipe) {
        Ok(done) => done,
        Err(exit) => return exit,
    };
    let text = match args.format {
        Format::Dot => print::dot(&graph, &recipe.name),
        Format::Mermaid => print::mermaid(&graph),
    };
    say(text.trim_end());
    Exit::Done
}
