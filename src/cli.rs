//! Arguments, one match, exit codes.

#[cfg(feature = "run")]
mod bench;
mod check;
mod compile;
mod diff;
mod eval;
#[cfg(feature = "run")]
mod evaluate;
mod explain;
#[cfg(feature = "run")]
mod export;
mod family;
mod fmt;
#[cfg(feature = "run")]
mod fork;
#[cfg(feature = "run")]
mod generate;
mod graph;
mod hash;
#[cfg(feature = "run")]
mod lock;
#[cfg(feature = "run")]
mod model;
mod new;
#[cfg(feature = "run")]
mod pack;
mod plan;
mod plot;
#[cfg(feature = "run")]
mod replay;
#[cfg(feature = "run")]
mod report;
#[cfg(feature = "run")]
mod run;
#[cfg(feature = "run")]
mod score;
#[cfg(feature = "run")]
mod serve;
#[cfg(feature = "run")]
mod simulate;
#[cfg(feature = "run")]
mod sweep;
mod test;
#[cfg(feature = "run")]
mod verify;
#[cfg(feature = "run")]
mod whence;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// How a command ended. The numbers are promised to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done; warnings are allowed, and so is a budget that ran out as planned.
    Done = 0,
    /// The recipe is wrong, or one of its tests failed.
    WrongRecipe = 1,
    /// The command line is wrong, or names a file that is not there.
    Usage = 2,
    /// The run failed; what was written before is intact.
    #[cfg_attr(not(feature = "run"), allow(dead_code))]
    RunFailed = 3,
    /// Interrupted; a checkpoint was saved.
    #[cfg_attr(not(feature = "run"), allow(dead_code))]
    Interrupted = 130,
}

/// Recipes for reinforcement-learning post-training of language models: checked in milliseconds, run reproducibly.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Examples:\n  recipec check recipes/*.recipe\n  recipec run recipes/quickstart.recipe\n  recipec explain recipe::ratios::sum_not_one"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Fetch what a recipe extends or imports by address, where it is not in the cache.
    #[arg(long, global = true)]
    allow_network: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Check recipes: names, types, units, ranges, budgets.
    #[command(
        after_help = "Examples:\n  recipec check recipes/quickstart.recipe\n  recipec check --json a.recipe b.recipe\n  cat a.recipe | recipec check -"
    )]
    Check(check::Args),
    /// Say what a recipe does, with every value and where it came from; or explain a diagnostic code.
    #[command(
        after_help = "Examples:\n  recipec explain recipes/quickstart.recipe\n  recipec explain recipes/quickstart.recipe train --defaults\n  recipec explain recipes/quickstart.recipe difficulty_aware --as latex\n  recipec explain recipe::ratios::sum_not_one"
    )]
    Explain(explain::Args),
    /// Print the identity of a recipe: a hash over what it means.
    #[command(
        after_help = "Examples:\n  recipec hash recipes/quickstart.recipe\n  recipec hash --all recipes/apriel_reasoner.recipe\n  recipec hash --canonical recipes/quickstart.recipe --set seed=2"
    )]
    Hash(hash::Args),
    /// Say what two recipes mean differently.
    #[command(
        after_help = "Examples:\n  recipec diff a.recipe b.recipe\n  recipec diff recipes/quickstart.recipe --variant plain_penalty\n  recipec diff --exit-code old.recipe new.recipe"
    )]
    Diff(diff::Args),
    /// Say what a formula of a recipe comes to: a penalty, a part of the reward, the weight of a domain, at stated signals.
    #[command(
        after_help = "Examples:\n  recipec eval recipes/quickstart.recipe difficulty_aware length=96 correct finished solve_rate=0.125\n  recipec eval recipes/quickstart.recipe mix.weight ratio=40% achieved=0.35\n  recipec eval recipes/quickstart.recipe overlong n=60 --json"
    )]
    Eval(eval::Args),
    /// Lay recipes out: one layout for all, comments and meaning kept.
    #[command(
        after_help = "Examples:\n  recipec fmt recipes/*.recipe\n  recipec fmt --check recipes/*.recipe\n  recipec fmt - < a.recipe"
    )]
    Fmt(fmt::Args),
    /// Print the typed graph of a recipe as DOT, Mermaid, SVG or JSON.
    #[command(
        after_help = "Examples:\n  recipec graph recipes/quickstart.recipe --format svg --out graph.svg\n  recipec graph --format mermaid recipes/quickstart.recipe\n  recipec graph recipes/quickstart.recipe | dot -Tsvg > graph.svg"
    )]
    Graph(graph::Args),
    /// Write a small commented recipe to begin with.
    #[command(after_help = "Examples:\n  recipec new brief\n  recipec new experiments/brief.recipe --from apriel")]
    New(new::Args),
    /// Print what a recipe costs: memory by part, tokens, FLOP, time, which budget ends it; with the arithmetic.
    #[command(
        after_help = "Examples:\n  recipec plan recipes/quickstart.recipe\n  recipec plan a.recipe --facts config.json --device-memory 80GiB --price 2.5/h\n  recipec plan --nodes recipes/quickstart.recipe"
    )]
    Plan(plan::Args),
    /// Draw penalties and the mix as PNG and SVG, from the recipe alone.
    #[command(
        after_help = "Examples:\n  recipec plot recipes/quickstart.recipe --out pictures\n  recipec plot recipes/quickstart.recipe difficulty_aware --x length --y solve_rate\n  recipec plot recipes/quickstart.recipe mix --format svg"
    )]
    Plot(plot::Args),
    /// Run the tests that a recipe states about its own formulas.
    #[command(after_help = "Example:\n  recipec test recipes/quickstart.recipe")]
    Test(test::Args),
    /// Train as a recipe says; ends with a table and a report.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec run recipes/quickstart.recipe\n  recipec run recipes/quickstart.recipe --set seed=2\n  recipec run --locked recipes/quickstart.recipe\n  recipec run recipes/quickstart.recipe --variant plain_penalty --runs /data/runs"
    )]
    Run(run::RunArgs),
    /// Go on with an interrupted run from its last checkpoint.
    #[cfg(feature = "run")]
    #[command(after_help = "Example:\n  recipec resume runs/quickstart-1")]
    Resume(run::ResumeArgs),
    /// Run variants, points of the recipe's sweeps and seeds, all of them, in one folder with one report.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec sweep recipes/quickstart.recipe --seeds 3 --jobs 2\n  recipec sweep recipes/quickstart.recipe --variants base,plain_penalty,no_penalty --seeds 5\n  recipec sweep a.recipe --variants all --set gamma=0.25 --list"
    )]
    Sweep(sweep::Args),
    /// Begin another run with a checkpoint: weights and moments are taken over, the recipe may differ.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec fork runs/quickstart-1@400 --set gamma=0.25\n  recipec fork runs/quickstart-1@best other.recipe --variant no_penalty"
    )]
    Fork(fork::Args),
    /// Train a run again and compare metrics, evaluations and weights, bit for bit.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec replay runs/quickstart-1\n  recipec replay runs/quickstart-1 --into again"
    )]
    Replay(replay::Args),
    /// Write a recipe for another engine: its configuration, generated code, and the problems.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec export recipes/apriel_reasoner.recipe --to verl@0.9 --out out/verl\n  recipec export recipes/quickstart.recipe --to trl@1 --from recipes/base --out out/trl\n  recipec export recipes/apriel_reasoner.recipe --to pipelinerl@2026-06 --out out/pipelinerl --json"
    )]
    Export(export::Args),
    /// Write the lock of a recipe: digests of everything outside of it that a run depends on.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec lock recipes/quickstart.recipe\n  recipec lock a.recipe --variant short\n  recipec run --locked a.recipe"
    )]
    Lock(lock::Args),
    /// Pack a recipe with everything that it names into one file, the same bytes wherever it is done.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec pack recipes/quickstart.recipe -o quickstart.recipec\n  recipec pack a.recipe --weights"
    )]
    Pack(pack::PackArgs),
    /// Unpack a pack, every file of it compared with its digest.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec unpack quickstart.recipec --out quickstart\n  recipec unpack --list quickstart.recipec"
    )]
    Unpack(pack::UnpackArgs),
    /// Say where a run or a checkpoint came from: recipe, inputs, program, device, command.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec whence runs/quickstart-1\n  recipec whence runs/quickstart-1/checkpoints/step-400 --json"
    )]
    Whence(whence::Args),
    /// Not in this program.
    #[cfg(not(feature = "run"))]
    #[command(hide = true, aliases = ["resume", "fork", "replay", "lock", "whence", "report", "evaluate", "verify", "serve", "generate", "score", "bench", "simulate", "sweep", "export", "pack", "unpack"], disable_help_flag = true)]
    Run {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        ignored: Vec<String>,
    },
    /// Write the report of a run again, or print it for a program.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec report runs/quickstart-1\n  recipec report --json runs/quickstart-1\n  recipec report runs/quickstart-* --out comparison.html"
    )]
    Report(report::Args),
    /// Measure a checkpoint or a model on held-out problems: pass@1, pass@k, tokens, accuracy against the cap; or compare two.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec evaluate runs/quickstart-1\n  recipec evaluate runs/quickstart-1@best --suite double_cap --k 4,8 --samples 16\n  recipec evaluate runs/a-1 --against runs/b-1\n  recipec evaluate recipes/base --recipe recipes/quickstart.recipe --json"
    )]
    Evaluate(evaluate::Args),
    /// Write responses to prompts with a model; the same seed gives the same text.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec generate recipes/base --prompt '17+25=' --n 4 --seed 1\n  recipec generate smollm2.gguf --chat --prompt 'Why is the sky blue?' --temperature 0.7 --top-p 0.9\n  recipec generate runs/quickstart-1 --prompts prompts.jsonl --n 8 --json > responses.jsonl"
    )]
    Generate(generate::Args),
    /// Say how likely a text is under a model, token by token.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec score recipes/base --text '17+25=42'\n  recipec score hf:org/name --prompt 'The capital of France is' --text ' Paris' --json"
    )]
    Score(score::Args),
    /// Measure a model on this machine: prompts, decoding, a step of training, memory.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec bench recipes/base\n  recipec bench smollm2.gguf --batches 1,32 --no-training --json"
    )]
    Bench(bench::Args),
    /// What a mix comes to, over rollouts that take stated times.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec simulate recipes/quickstart.recipe --time math=3 --kept math=60%\n  recipec simulate recipes/apriel_reasoner.recipe --time math=60 --time code=90 --time 20 --in-flight 64 --max-lag none --shock math=3@4096"
    )]
    Simulate(simulate::Args),
    /// Judge answers with a verifier: a file of cases, or one answer.
    #[cfg(feature = "run")]
    #[command(
        after_help = "Examples:\n  recipec verify ifeval --cases cases.jsonl --json\n  recipec verify math 'so \\boxed{3/4}' '0.75'\n  recipec verify fn_calling --argument format=python '[add(a=1)]' '{\"functions\": […], \"ground_truth\": […]}'"
    )]
    Verify(verify::Args),
    /// Answer requests of other programs.
    #[cfg(feature = "run")]
    #[command(subcommand, after_help = "Example:\n  recipec serve verifiers --port 8080")]
    Serve(serve::Command),
}

/// Parses the command line and does what it says.
pub fn main() -> ExitCode {
    let Cli { command, allow_network } = Cli::parse();
    if allow_network {
        crate::remote::allow();
    }
    let exit = match command {
        Command::Check(args) => check::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Hash(args) => hash::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Graph(args) => graph::run(&args),
        Command::New(args) => new::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Plot(args) => plot::run(&args),
        Command::Test(args) => test::run(&args),
        #[cfg(not(feature = "run"))]
        Command::Run { .. } => {
            eprintln!(
                "error: this program checks recipes and cannot run them; install it with `cargo install --path .`"
            );
            Exit::Usage
        }
        #[cfg(feature = "run")]
        Command::Run(args) => run::run(&args),
        #[cfg(feature = "run")]
        Command::Resume(args) => run::resume(&args),
        #[cfg(feature = "run")]
        Command::Sweep(args) => sweep::run(&args),
        #[cfg(feature = "run")]
        Command::Fork(args) => fork::run(&args),
        #[cfg(feature = "run")]
        Command::Replay(args) => replay::run(&args),
        #[cfg(feature = "run")]
        Command::Export(args) => export::run(&args),
        #[cfg(feature = "run")]
        Command::Lock(args) => lock::run(&args),
        #[cfg(feature = "run")]
        Command::Pack(args) => pack::pack(&args),
        #[cfg(feature = "run")]
        Command::Unpack(args) => pack::unpack(&args),
        #[cfg(feature = "run")]
        Command::Whence(args) => whence::run(&args),
        #[cfg(feature = "run")]
        Command::Report(args) => report::run(&args),
        #[cfg(feature = "run")]
        Command::Evaluate(args) => evaluate::run(&args),
        #[cfg(feature = "run")]
        Command::Generate(args) => generate::run(&args),
        #[cfg(feature = "run")]
        Command::Score(args) => score::run(&args),
        #[cfg(feature = "run")]
        Command::Bench(args) => bench::run(&args),
        #[cfg(feature = "run")]
        Command::Simulate(args) => simulate::run(&args),
        #[cfg(feature = "run")]
        Command::Verify(args) => verify::run(&args),
        #[cfg(feature = "run")]
        Command::Serve(command) => serve::run(&command),
    };
    ExitCode::from(exit as u8)
}

/// Prints to standard output; a reader that has gone away (`| head`) ends the command quietly.
pub fn say(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").is_err() {
        std::process::exit(Exit::Done as i32);
    }
}
