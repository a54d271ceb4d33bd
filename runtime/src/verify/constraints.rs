//! `constraints()`: checkable instructions, named and spelled as in IFEval (arXiv 2311.07911) and its extension IFEvalG.
//!
//! Column `instruction_id_list` names the constraints and column `kwargs` holds their arguments, one object each (null
//! entries count as absent). The score is the share that is followed. A constraint without a check of that name, with an
//! argument that it does not know, or without one that it needs is not followed, as in the reference. Constraints whose
//! check needs a language model or a trained tokenizer are listed in [`UNAVAILABLE`] and give [`Status::Error`].
//!
//! Differences from the reference: keywords are looked for as they are written, not as regular expressions; the
//! `english_…` checks look at the case only, not at the language.
//!
//! Our own constraints, for the generator `instructions`:
//!
//! | id | arguments | followed when |
//! | --- | --- | --- |
//! | `builtin:word_times` | `word`, `times` | so many runs of letters are the word, ignoring case |
//! | `builtin:upper_case` | none | there is a letter, and none is lower case |
//! | `builtin:comma_separated` | none | there is a comma, and one word without blanks between any two |

mod arguments;
mod copies;
mod counts;
mod ends;
mod format;
mod own;
mod sentences;
mod words;

use crate::data::Problem;
use crate::verify::{Status, Verdict, Verifier, VerifierError, only_arguments, word_argument};
use arguments::Arguments;
use recipec_compiler::settings::VerifierSettings;
use serde_json::Value;

/// Longest response that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Most constraints of one problem.
const MOST: usize = 1_000;

/// A check: whether a text follows; none when an argument is missing or of the wrong kind.
type Check = fn(text: &str, arguments: &Arguments) -> Option<bool>;

/// A constraint: its id, the arguments that it knows, its check.
type Row = (&'static str, &'static [&'static str], Check);

/// Every constraint; a new one is a line here and a function.
const CHECKS: &[Row] = &[
    ("builtin:comma_separated", &[], own::comma_separated),
    ("builtin:upper_case", &[], own::upper_case),
    ("builtin:word_times", &["word", "times"], own::word_times),
    ("change_case:english_capital", &[], ends::english_capital),
    ("change_case:english_lowercase", &[], ends::english_lowercase),
    ("combination:repeat_prompt", &["prompt_to_repeat"], copies::repeat_prompt),
    ("combination:two_responses", &[], copies::two_responses),
    ("copy:copy", &["prompt_to_repeat"], copies::copy),
    ("copy:copying_multiple", &["prompt_to_repeat", "N"], copies::copying_multiple),
    ("copy:copying_simple", &["prompt_to_repeat"], copies::copy),
    ("copy:repeat_phrase", &["phrase", "small_n"], copies::repeat_phrase),
    ("count:count_increment_word", &["keyword1", "keyword2"], words::count_increment_word),
    ("count:lowercase_counting", &["N"], counts::lowercase_counting),
    ("detectable_content:number_placeholders", &["num_placeholders"], format::number_placeholders),
    ("detectable_content:postscript", &["postscript_marker"], format::postscript),
    ("detectable_format:bigram_wrapping", &[], format::bigram_wrapping),
    ("detectable_format:constrained_response", &[], format::constrained_response),
    ("detectable_format:json_format", &[], format::json_format),
    ("detectable_format:multiple_sections", &["section_spliter", "num_sections"], format::multiple_sections),
    ("detectable_format:number_bullet_lists", &["num_bullets"], format::number_bullet_lists),
    ("detectable_format:number_highlighted_sections", &["num_highlights"], format::number_highlighted_sections),
    ("detectable_format:sentence_hyphens", &[], format::sentence_hyphens),
    ("detectable_format:square_brackets", &[], format::square_brackets),
    ("detectable_format:title", &[], format::title),
    ("first_word:first_word_answer", &["first_word"], ends::first_word_answer),
    ("first_word:first_word_sent", &["first_word"], ends::first_word_sent),
    ("keywords:exclude_word_harder", &["keyword"], words::exclude_word_harder),
    ("keywords:existence", &["keywords"], words::existence),
    ("keywords:forbidden_words", &["forbidden_words"], words::forbidden_words),
    ("keywords:frequency", &["keyword", "frequency", "relation"], words::frequency),
    ("keywords:letter_frequency", &["letter", "let_frequency", "let_relation"], counts::letter_frequency),
    ("keywords:no_adjacent_consecutive", &[], words::no_adjacent_consecutive),
    ("keywords:palindrome", &[], words::palindrome),
    ("keywords:word_count_different_numbers", &["keyword", "frequency", "relation"], words::frequency),
    ("keywords:word_once", &["keyword"], words::word_once),
    ("last_word:last_word_answer", &["last_word"], ends::last_word_answer),
    ("last_word:last_word_sent", &["last_word"], ends::last_word_sent),
    (
        "length_constraints:nth_paragraph_first_word",
        &["num_paragraphs", "nth_paragraph", "first_word"],
        counts::nth_paragraph_first_word,
    ),
    ("length_constraints:number_paragraphs", &["num_paragraphs"], counts::number_paragraphs),
    ("length_constraints:number_words", &["num_words", "relation"], counts::number_words),
    ("letters:letter_counting", &["N", "relation"], counts::letter_counting),
    ("letters:letter_counting2", &["letter", "let_frequency", "let_relation"], counts::letter_frequency),
    ("new:copy_span_idx", &["prompt_to_repeat", "n_start", "n_end"], copies::copy_span),
    ("paragraphs:paragraphs", &[], counts::two_paragraphs),
    ("paragraphs:paragraphs2", &[], counts::two_blank_line_paragraphs),
    ("punctuation:no_comma", &[], |text, _| Some(!text.contains(','))),
    ("punctuation:punctuation_dot", &[], |text, _| Some(!text.contains('.'))),
    ("punctuation:punctuation_exclamation", &[], |text, _| Some(!text.contains('!'))),
    ("startend:end_checker", &["end_phrase"], ends::end_checker),
    ("startend:quotation", &[], ends::quotation),
];

/// Constraints of the reference that need what this runtime does not have, with what is missing.
pub const UNAVAILABLE: &[(&str, &str)] = &[
    ("change_case:capital_word_frequency", "a word tokenizer"),
    ("count:count_unique", "a word tokenizer"),
    ("count:counting_composition", "a word tokenizer"),
    ("keywords:keyword_specific_position", "a word tokenizer"),
    ("keywords:start_end", "a word tokenizer"),
    ("language:response_language", "a language detector"),
    ("length_constraints:number_sentences", "a trained sentence splitter"),
];

/// The verifier `constraints`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Constraints {
    /// The response is judged as it stands: marks of a final response are text, and a blank response is judged too.
    whole: bool,
}

impl Constraints {
    /// Reads the arguments: `text` is `final` (default) or `whole`.
    pub fn open(settings: &VerifierSettings) -> Result<Self, VerifierError> {
        only_arguments(settings, &["text"])?;
        let whole = match word_argument(settings, "text")? {
            None | Some("final") => false,
            Some("whole") => true,
            Some(other) => {
                let why = format!("`text` is final or whole, not `{other}`");
                return Err(VerifierError::BadArgument { name: settings.name.clone(), why });
            }
        };
        Ok(Self { whole })
    }
}

impl Verifier for Constraints {
    fn judge(&self, problem: &Problem, answer: Option<&str>) -> Verdict {
        let empty = Vec::new();
        let kwargs = match problem.columns.get("kwargs") {
            None | Some(Value::Null) => &empty,
            Some(Value::Array(kwargs)) => kwargs,
            Some(_) => return Verdict::of(Status::Error, "column `kwargs` is not a list"),
        };
        let ids = match problem.columns.get("instruction_id_list").and_then(Value::as_array) {
            Some(ids) if ids.len() <= MOST => ids,
            Some(ids) => return Verdict::of(Status::Error, format!("{} constraints, more than {MOST}", ids.len())),
            None => return Verdict::of(Status::Error, "the problem has no list in column `instruction_id_list`"),
        };
        let missing = |id: &Value| UNAVAILABLE.iter().find(|(known, _)| id.as_str() == Some(*known));
        if let Some((id, what)) = ids.iter().find_map(missing) {
            return Verdict::of(Status::Error, format!("constraint `{id}` needs {what}"));
        }
        if ids.is_empty() {
            return Verdict::correct();
        }
        let Some(text) = answer.filter(|answer| self.whole || !answer.trim().is_empty()) else {
            return Verdict::of(Status::NoAnswer, "no answer");
        };
        if text.len() > LONGEST {
            return Verdict { limited: true, ..Verdict::wrong("longer than 1 MiB") };
        }
        let text = if self.whole { text } else { final_response(text) };
        let nothing = Value::Null;
        let failed: Vec<&str> = ids
            .iter()
            .enumerate()
            .map(|(at, id)| (id.as_str().unwrap_or("?"), kwargs.get(at).unwrap_or(&nothing)))
            .filter(|(id, kwargs)| !follows(id, kwargs, text))
            .map(|(id, _)| id)
            .collect();
        let verdict = Verdict::share(ids.len() - failed.len(), ids.len());
        Verdict { detail: (!failed.is_empty()).then(|| format!("not followed: {}", failed.join(", "))), ..verdict }
    }
}

fn follows(id: &str, kwargs: &Value, text: &str) -> bool {
    let Some((_, known, check)) = CHECKS.iter().find(|(known, ..)| *known == id) else { return false };
    Arguments::read(kwargs, known).and_then(|arguments| check(text, &arguments)) == Some(true)
}

/// What stands between the marks of a final response; without them, the whole text.
fn final_response(text: &str) -> &str {
    // Only ASCII letters change, so positions in the copy are positions in the text.
    let upper = text.to_ascii_uppercase();
    let inside = || {
        let open = "[BEGIN FINAL RESPONSE]";
        let start = upper.find(open)? + open.len();
        let length = upper.get(start..)?.find("[END FINAL RESPONSE]")?;
        text.get(start..start + length)
    };
    inside().unwrap_or(text)
}

#[cfg(test)]
mod tests;
