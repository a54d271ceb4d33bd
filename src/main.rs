//! `recipec`: recipes for reinforcement-learning post-training, checked and run.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod cli;
mod drawing;
mod facts;
mod loader;
#[cfg(feature = "run")]
mod progress;

fn main() -> std::process::ExitCode {
    cli::main()
}
