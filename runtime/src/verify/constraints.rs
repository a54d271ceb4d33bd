//! `constraints()`: checkable instructions, named and spelled as in IFEval (arXiv 2311.07911) and its extension IFEvalG.
//!
//! Column `instruction_id_list` names the constraints and column `kwargs` holds their arguments, one object each (null
//! entries count as absent). The score is the share that is followed. A constraint without a check of that name, with an
//! argument that it does not know, or without one that it needs is not followed, as in the reference.
//!
//! Three parts stand on their own: keywords are regular expressions (`pattern`), sentences are cut by the algorithm of
//! Kiss and Strunk with word lists of our own (`punkt`), tokens by the rules of the Penn Treebank (`treebank`).
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
mod language;
mod own;
mod punkt;
mod sentences;
mod treebank;
mod words;

use crate::data::Problem;
use crate::verify::pattern::Steps;
use crate::verify::text::strip;
use crate::verify::{Status, Verdict, Verifier, VerifierError, only_arguments, word_argument};
use arguments::Arguments;
use recipec_compiler::settings::VerifierSettings;
use serde_json::Value;

/// Longest response that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Most constraints of one problem.
const MOST: usize = 1_000;

/// What reading a byte of the response once costs, in steps of patterns: a few readings of a megabyte, or hundreds of a usual response.
const STEPS_PER_BYTE: u64 = 2;

/// A check: whether a text follows; none when an argument is missing or of the wrong kind.
type Check = fn(text: &str, arguments: &Arguments) -> Option<bool>;

/// A constraint: its id, the arguments that it knows, its check.
type Row = (&'static str, &'static [&'static str], Check);

/// Every constraint; a new one is a line here and a function.
const CHECKS: &[Row] = &[
    ("builtin:comma_separated", &[], own::comma_separated),
    ("builtin:upper_case", &[], own::upper_case),
    ("builtin:word_times", &["word", "times"], own::word_times),
    ("change_case:capital_word_frequency", &["capital_frequency", "capital_relation"], counts::capital_word_frequency),
    ("change_case:english_capital", &[], ends::english_capital),
    ("change_case:english_lowercase", &[], ends::english_lowercase),
    ("combination:repeat_prompt", &["prompt_to_repeat"], copies::repeat_prompt),
    ("combination:two_responses", &[], copies::two_responses),
    ("copy:copy", &["prompt_to_repeat"], copies::copy),
    ("copy:copying_multiple", &["prompt_to_repeat", "N"], copies::copying_multiple),
    ("copy:copying_simple", &["prompt_to_repeat"], copies::copy),
    ("copy:repeat_phrase", &["phrase", "small_n"], copies::repeat_phrase),
    ("count:count_increment_word", &["keyword1", "keyword2"], words::count_increment_word),
    ("count:count_unique", &[], counts::count_unique),
    ("count:counting_composition", &["n_sent", "n_words"], counts::counting_composition),
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
    ("keywords:keyword_specific_position", &["keyword", "n", "m"], words::keyword_specific_position),
    ("keywords:letter_frequency", &["letter", "let_frequency", "let_relation"], counts::letter_frequency),
    ("keywords:no_adjacent_consecutive", &[], words::no_adjacent_consecutive),
    ("keywords:palindrome", &[], words::palindrome),
    ("keywords:start_end", &[], words::start_end),
    ("keywords:word_count_different_numbers", &["keyword", "frequency", "relation"], words::frequency),
    ("keywords:word_once", &["keyword"], words::word_once),
    ("language:response_language", &["language"], ends::response_language),
    ("last_word:last_word_answer", &["last_word"], ends::last_word_answer),
    ("last_word:last_word_sent", &["last_word"], ends::last_word_sent),
    (
        "length_constraints:nth_paragraph_first_word",
        &["num_paragraphs", "nth_paragraph", "first_word"],
        counts::nth_paragraph_first_word,
    ),
    ("length_constraints:number_paragraphs", &["num_paragraphs"], counts::number_paragraphs),
    ("length_constraints:number_sentences", &["num_sentences", "relation"], counts::number_sentences),
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

/// The verifier `constraints`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Constraints {
    /// The response is judged as it stands: marks of a final response are text, and a blank response is judged too.
    whole: bool,
    /// A constraint is also followed where the response follows it without its first or last line or its asterisks.
    loose: bool,
}

impl Constraints {
    /// Reads the arguments: `text` is `final` (default) or `whole`, `score` is `strict` (default) or `loose`.
    pub fn open(settings: &VerifierSettings) -> Result<Self, VerifierError> {
        only_arguments(settings, &["text", "score"])?;
        let bad = |why: String| VerifierError::BadArgument { name: settings.name.clone(), why };
        let whole = match word_argument(settings, "text")? {
            None | Some("final") => false,
            Some("whole") => true,
            Some(other) => return Err(bad(format!("`text` is final or whole, not `{other}`"))),
        };
        let loose = match word_argument(settings, "score")? {
            None | Some("strict") => false,
            Some("loose") => true,
            Some(other) => return Err(bad(format!("`score` is strict or loose, not `{other}`"))),
        };
        Ok(Self { whole, loose })
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
        let readings = if self.loose { loosened(text) } else { vec![text.to_owned()] };
        let nothing = Value::Null;
        let (mut limited, steps) = (false, Steps::default());
        let mut failed = Vec::new();
        for (at, id) in ids.iter().enumerate() {
            let (id, kwargs) = (id.as_str().unwrap_or("?"), kwargs.get(at).unwrap_or(&nothing));
            if !readings.iter().any(|reading| follows(id, kwargs, reading, &steps, &mut limited)) {
                failed.push(id);
            }
        }
        let verdict = Verdict::share(ids.len() - failed.len(), ids.len());
        let detail = (!failed.is_empty()).then(|| format!("not followed: {}", failed.join(", ")));
        Verdict { limited, detail, ..verdict }
    }
}

fn follows(id: &str, kwargs: &Value, text: &str, steps: &Steps, limited: &mut bool) -> bool {
    let Ok(place) = CHECKS.binary_search_by(|(known, ..)| (*known).cmp(id)) else { return false };
    let Some((_, known, check)) = CHECKS.get(place) else { return false };
    let Some(arguments) = Arguments::read(kwargs, known, steps) else { return false };
    if steps.spend(STEPS_PER_BYTE * text.len() as u64).is_err() {
        *limited = true;
        return false;
    }
    let followed = check(text, &arguments) == Some(true);
    *limited |= arguments.was_limited();
    followed
}

/// The readings of the loose score: the text, without its first line, without its last, without both; and each of them
/// without asterisks. Blank ones follow nothing.
fn loosened(text: &str) -> Vec<String> {
    let behind_first = text.split_once('\n').map_or("", |(_, rest)| rest);
    let before_last = |text: &str| text.rsplit_once('\n').map_or(String::new(), |(rest, _)| rest.to_owned());
    let trimmed = |text: &str| strip(text).to_owned();
    let plain =
        [text.to_owned(), trimmed(behind_first), trimmed(&before_last(text)), trimmed(&before_last(behind_first))];
    let starless = plain.iter().map(|text| text.replace('*', "")).collect::<Vec<_>>();
    plain.into_iter().chain(starless).filter(|text| !strip(text).is_empty()).collect()
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
mod conformance;
#[cfg(test)]
mod tests;
