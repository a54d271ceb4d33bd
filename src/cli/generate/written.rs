//! Responses as plain text: one alone as it comes, several one after the other under a headline each.

use crate::cli::{Exit, say};
use recipec_runtime::generate::Stops;
use recipec_runtime::tokenizer::{Stream, Tokenizer};
use std::io::Write;

/// Writes to standard output.
pub struct Writer<'a> {
    live: Option<Live<'a>>,
}

/// A response that is written as it comes. What may become a stop string is held back.
struct Live<'a> {
    stream: Stream<'a>,
    held: String,
    /// Bytes at the end of a text that may be the beginning of a stop string.
    hold: usize,
    shown: usize,
}

impl Live<'_> {
    fn release(&mut self) {
        let mut sure = self.held.len().saturating_sub(self.hold);
        while !self.held.is_char_boundary(sure) {
            sure -= 1;
        }
        let text: String = self.held.drain(..sure).collect();
        self.shown += text.len();
        show(&text);
    }
}

impl<'a> Writer<'a> {
    /// `alone`: there is one response only.
    pub fn new(tokenizer: &'a Tokenizer, stops: &Stops, alone: bool) -> Self {
        let longest = (0..).map_while(|number| stops.string(number)).map(str::len).max().unwrap_or(1);
        let live = || Live { stream: Stream::new(tokenizer), held: String::new(), hold: longest - 1, shown: 0 };
        Self { live: alone.then(live) }
    }

    /// A token came.
    pub fn token(&mut self, _: usize, token: u32) {
        let Some(live) = &mut self.live else { return };
        if live.hold > 0 {
            // That there is a next token says that no stop string ended before it.
            live.release();
        }
        let piece = live.stream.push(token);
        live.held.push_str(&piece);
        if live.hold == 0 {
            live.release();
        }
    }

    /// A response ended; `text` is all of it.
    pub fn done(&mut self, number: usize, sample: usize, text: &str) {
        match &self.live {
            Some(live) => {
                show(text.get(live.shown..).unwrap_or_default());
                show("\n");
            }
            None => say(&format!("--- prompt {number}, response {sample}\n{text}")),
        }
    }
}

/// Prints without a line's end, at once; a reader that has gone away ends the command quietly.
fn show(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(Exit::Done as i32);
    }
}
