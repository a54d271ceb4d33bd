//! `recipec graph FILE`

use super::compile::{RecipeArgs, compile};
use super::{Exit, say};
use crate::drawing::graph;
use recipec_compiler::graph::print;
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// The language of the drawing.
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
    /// Write to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Graphviz.
    Dot,
    /// Mermaid, for Markdown.
    Mermaid,
    /// A picture that needs no other program.
    Svg,
    /// The same picture as pixels; needs `--out`.
    Png,
    /// Nodes, ports, flows and rates, for programs.
    Json,
}

pub fn run(args: &Args) -> Exit {
    let (recipe, graph, _) = match compile(&args.recipe) {
        Ok(done) => done,
        Err(exit) => return exit,
    };
    let name = match &recipe.variant {
        Some(variant) => format!("{}, variant {variant}", recipe.name),
        None => recipe.name.clone(),
    };
    let bytes = match args.format {
        Format::Dot => print::dot(&graph, &recipe.name).into_bytes(),
        Format::Mermaid => print::mermaid(&graph).into_bytes(),
        Format::Svg => graph::picture(&graph, &name).svg().into_bytes(),
        Format::Json => match serde_json::to_string_pretty(&print::json(&graph, &recipe.name)) {
            Ok(text) => text.into_bytes(),
            Err(why) => return failed(&format!("the graph cannot be written: {why}")),
        },
        Format::Png if args.out.is_none() => return failed("a PNG is no text; say where it goes: `--out graph.png`"),
        Format::Png => match graph::picture(&graph, &name).png(1.0) {
            Ok(bytes) => bytes,
            Err(why) => return failed(&format!("{why}; `--format svg` has no such bound")),
        },
    };
    match &args.out {
        None => say(String::from_utf8_lossy(&bytes).trim_end()),
        Some(path) => {
            if let Err(why) = std::fs::write(path, bytes) {
                return failed(&format!("`{}`: {why}", path.display()));
            }
        }
    }
    Exit::Done
}

fn failed(why: &str) -> Exit {
    eprintln!("error: {why}");
    Exit::Usage
}
