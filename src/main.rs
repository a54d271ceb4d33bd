//! `recipec`: recipes for reinforcement-learning post-training, checked and run.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod cli;
mod drawing;
mod facts;
mod loader;
#[cfg(feature = "run")]
mod progress;
mod remote;

/// The number of `mi_option_arena_reserve` in the pinned version; the bindings do not name it.
#[cfg(target_os = "linux")]
const ARENA_RESERVE: libmimalloc_sys::mi_option_t = 23;

/// The allocator takes addresses in pieces of 32 MiB instead of 1 GiB, so that a limit on them (`ulimit -v`) can be small.
#[cfg(target_os = "linux")]
extern "C" fn small_arenas() {
    // SAFETY: it sets a number, before there is a second thread.
    unsafe { libmimalloc_sys::mi_option_set(ARENA_RESERVE, 32 << 10) };
}

/// Called before `main`, because the first piece is taken before it.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = small_arenas;

fn main() -> std::process::ExitCode {
    cli::main()
}
