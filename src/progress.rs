//! What a run shows while it goes on: a live view on a terminal, plain lines elsewhere.

pub mod lines;
mod live;
mod state;

use recipec_runtime::world::Progress;
use std::io::IsTerminal;

/// What a run tells its progress to. `NO_LIVE` in the environment asks for plain lines on a terminal, too.
pub fn listener() -> Box<dyn FnMut(&Progress)> {
    let wanted = std::io::stderr().is_terminal() && std::io::stdin().is_terminal();
    if wanted && std::env::var_os("NO_LIVE").is_none() {
        // A terminal that cannot say where its cursor is gets lines.
        if let Ok(mut view) = live::View::open() {
            return Box::new(move |progress| view.tell(progress));
        }
    }
    Box::new(lines::listener(String::new()))
}
