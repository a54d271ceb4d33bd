//! Words and marks by the rules of the Penn Treebank, as the reference applies them to each sentence: marks of punctuation
//! and clitics are tokens of their own, hyphenated words stay whole, straight double quotes become ``` `` ``` and `''`.
//!
//! The rules are passes over the text that put blanks where tokens end; their order is part of the rules.

use super::punkt;
use crate::verify::text::{is_blank, is_digit, is_of_token};

/// The tokens of a text, sentence by sentence.
pub fn tokens(text: &str) -> Vec<String> {
    punkt::sentences(text).iter().flat_map(|sentence| sentence_tokens(sentence)).collect()
}

/// The tokens of one sentence.
pub fn sentence_tokens(sentence: &str) -> Vec<String> {
    let text: Vec<char> = sentence.chars().collect();
    let text = starting_quotes(text);
    let text = punctuation(text);
    let mut text = padded(text, |c| matches!(c, '[' | ']' | '(' | ')' | '{' | '}' | '<' | '>'));
    if text.contains(&'-') {
        text = replaced(&text, &['-', '-'], " -- ");
    }
    text.insert(0, ' ');
    text.push(' ');
    let text = contractions(clitics(ending_quotes(text)));
    text.split(|c| is_blank(*c)).filter(|token| !token.is_empty()).map(|token| token.iter().collect()).collect()
}

/// Blanks around every character of a kind.
fn padded(text: Vec<char>, apart: impl Fn(char) -> bool) -> Vec<char> {
    if !text.iter().any(|c| apart(*c)) {
        return text;
    }
    let mut result = Vec::with_capacity(text.len() + 16);
    for c in text {
        if apart(c) {
            result.extend([' ', c, ' ']);
        } else {
            result.push(c);
        }
    }
    result
}

/// Blanks around every run of a character that is at least so long.
fn padded_runs(text: Vec<char>, mark: char, least: usize) -> Vec<char> {
    if !text.contains(&mark) {
        return text;
    }
    let mut result = Vec::with_capacity(text.len() + 16);
    for run in text.chunk_by(|a, b| *a == mark && *b == mark) {
        if run.first() == Some(&mark) && run.len() >= least {
            result.push(' ');
            result.extend_from_slice(run);
            result.push(' ');
        } else {
            result.extend_from_slice(run);
        }
    }
    result
}

/// Every occurrence of some characters, replaced from left to right.
fn replaced(text: &[char], from: &[char], to: &str) -> Vec<char> {
    let mut result = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(from) {
            result.extend(to.chars());
            at += from.len();
        } else {
            result.extend(rest.first());
            at += 1;
        }
    }
    result
}

fn starting_quotes(text: Vec<char>) -> Vec<char> {
    let text = padded(text, |c| matches!(c, '«' | '“' | '‘' | '„'));
    let mut text = padded_runs(text, '`', 1);
    if text.first() == Some(&'"') {
        text.splice(0..1, ['`', '`']);
    }
    if text.contains(&'`') {
        text = replaced(&text, &['`', '`'], " `` ");
    }
    if text.contains(&'"') || text.contains(&'\'') {
        text = opening_quotes(&text);
    }
    if text.contains(&'\'') { leading_apostrophes(&text) } else { text }
}

/// A double quote behind a blank or an opening bracket opens.
fn opening_quotes(text: &[char]) -> Vec<char> {
    let mut result = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let width = match rest {
            [' ' | '(' | '[' | '{' | '<', '"', ..] => 2,
            [' ' | '(' | '[' | '{' | '<', '\'', '\'', ..] => 3,
            _ => 1,
        };
        result.extend(rest.first());
        if width > 1 {
            result.extend(" `` ".chars());
        }
        at += width;
    }
    result
}

/// A single quote before a word that is no clitic stands apart from it.
fn leading_apostrophes(text: &[char]) -> Vec<char> {
    let mut result = Vec::with_capacity(text.len() + 16);
    for (at, c) in text.iter().enumerate() {
        result.push(*c);
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let after = text.get(at + 1..).unwrap_or_default();
        let opens = *c == '\''
            && !before.is_some_and(|c| is_of_token(*c))
            && after.first().is_some_and(|c| is_of_token(*c))
            && !starts_with_clitic(after);
        if opens {
            result.push(' ');
        }
    }
    result
}

fn starts_with_clitic(text: &[char]) -> bool {
    let word: String = text.iter().take_while(|c| is_of_token(**c)).take(3).collect::<String>().to_lowercase();
    matches!(word.as_str(), "re" | "ve" | "ll" | "m" | "t" | "s" | "d" | "n")
}

fn punctuation(text: Vec<char>) -> Vec<char> {
    let text = final_stop(text);
    let text = colons_and_commas(text);
    let text = padded_runs(text, '.', 2);
    let text = padded(text, |c| {
        matches!(c, ';' | '@' | '#' | '$' | '%' | '&' | '?' | '!') || ('\u{2012}'..='\u{2015}').contains(&c)
    });
    let text = closing_apostrophes(text);
    padded(text, |c| c == '*')
}

/// The full stop at the end of the sentence, before closing marks and blanks.
fn final_stop(mut text: Vec<char>) -> Vec<char> {
    let Some(dot) = text.iter().rposition(|c| *c == '.') else { return text };
    let single = dot > 0 && text.get(dot - 1) != Some(&'.');
    let behind = text.get(dot + 1..).unwrap_or_default();
    let closes = |c: &char| matches!(c, ']' | ')' | '}' | '>' | '"' | '\'' | '»' | '”' | '’' | ' ');
    let closers = behind.iter().take_while(|c| closes(c)).count();
    if !single || !behind.iter().skip(closers).all(|c| is_blank(*c)) {
        return text;
    }
    let closers: Vec<char> = behind.iter().take(closers).copied().collect();
    text.truncate(dot);
    text.extend([' ', '.', ' ']);
    text.extend(closers);
    text.push(' ');
    text
}

/// A colon or a comma stands apart unless a digit follows.
fn colons_and_commas(text: Vec<char>) -> Vec<char> {
    if !text.contains(&':') && !text.contains(&',') {
        return text;
    }
    let mut result = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    while let Some(c) = text.get(at) {
        let next = text.get(at + 1);
        match (c, next) {
            // What follows is taken along: of two commas, the second is not looked at by itself.
            (':' | ',', Some(next)) if !is_digit(*next) => {
                result.extend([' ', *c, ' ', *next]);
                at += 2;
                continue;
            }
            _ => result.push(*c),
        }
        at += 1;
    }
    // At the end, and before a last line end, it stands apart as well.
    let end = result.len() - usize::from(result.last() == Some(&'\n'));
    for place in [result.len().checked_sub(1), end.checked_sub(1)].into_iter().flatten() {
        if let Some(mark @ (':' | ',')) = result.get(place).copied() {
            result.splice(place..=place, [' ', mark, ' ']);
            break;
        }
    }
    result
}

/// A single quote behind a word and before a blank stands apart.
fn closing_apostrophes(text: Vec<char>) -> Vec<char> {
    if !text.contains(&'\'') {
        return text;
    }
    let mut result = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        match rest {
            [before, '\'', ' ', ..] if *before != '\'' => {
                result.extend([*before, ' ', '\'', ' ']);
                at += 3;
            }
            [c, ..] => {
                result.push(*c);
                at += 1;
            }
            [] => {}
        }
    }
    result
}

fn ending_quotes(text: Vec<char>) -> Vec<char> {
    let mut text = padded(text, |c| matches!(c, '»' | '”' | '’'));
    if text.contains(&'\'') {
        text = replaced(&text, &['\'', '\''], " '' ");
    }
    if text.contains(&'"') {
        text = replaced(&text, &['"'], " '' ");
    }
    let mut result: Vec<char> = Vec::with_capacity(text.len());
    for c in text {
        match is_blank(c) {
            true if result.last() == Some(&' ') => {}
            true => result.push(' '),
            false => result.push(c),
        }
    }
    result
}

/// Clitics at the end of words: first `'s`, `'m`, `'d` and a single quote, then the longer ones.
fn clitics(text: Vec<char>) -> Vec<char> {
    const SHORT: &[&str] = &["'s", "'S", "'m", "'M", "'d", "'D", "'"];
    const LONG: &[&str] = &["'ll", "'LL", "'re", "'RE", "'ve", "'VE", "n't", "N'T"];
    if !text.contains(&'\'') {
        return text;
    }
    cut_off(&cut_off(&text, SHORT), LONG)
}

/// Puts a blank before an ending that a blank follows, where neither a quote nor a blank stands before it.
fn cut_off(text: &[char], endings: &[&str]) -> Vec<char> {
    let mut result = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let behind = rest.get(1..).unwrap_or_default();
        let is_ending = |ending: &&&str| {
            let length = ending.len();
            behind.get(length) == Some(&' ') && behind.iter().take(length).copied().eq(ending.chars())
        };
        let fits = rest.first().is_some_and(|c| !matches!(c, '\'' | ' '));
        match endings.iter().find(is_ending).filter(|_| fits) {
            Some(ending) => {
                result.extend(rest.first());
                result.push(' ');
                result.extend(ending.chars());
                result.push(' ');
                at += ending.len() + 2;
            }
            None => {
                result.extend(rest.first());
                at += 1;
            }
        }
    }
    result
}

/// Two words in one: `cannot`, `gonna`, `'tis` and their like, in any case.
fn contractions(text: Vec<char>) -> Vec<char> {
    /// The two halves.
    const PAIRS: &[(&str, &str)] = &[
        ("can", "not"),
        ("d", "'ye"),
        ("gim", "me"),
        ("gon", "na"),
        ("got", "ta"),
        ("lem", "me"),
        ("more", "'n"),
        ("wan", "na"),
    ];
    let mut result = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let inside = before.is_some_and(|c| is_of_token(*c));
        let pair = PAIRS.iter().find(|pair| !inside && holds(rest, **pair));
        let tis = [("'t", "is"), ("'t", "was")].into_iter().find(|pair| before == Some(&' ') && holds(rest, *pair));
        match pair.copied().or(tis) {
            Some((first, second)) => {
                result.push(' ');
                result.extend(rest.iter().take(first.len()));
                result.push(' ');
                result.extend(rest.iter().skip(first.len()).take(second.len()));
                result.push(' ');
                at += first.len() + second.len();
            }
            None => {
                result.extend(rest.first());
                at += 1;
            }
        }
    }
    result
}

/// True where a text starts with both halves, as a word of its own; `wanna` needs a blank behind it.
fn holds(text: &[char], (first, second): (&str, &str)) -> bool {
    let both = first.chars().chain(second.chars());
    let length = first.len() + second.len();
    let same = text.len() >= length && text.iter().zip(both).all(|(c, wanted)| c.to_ascii_lowercase() == wanted);
    let next = text.get(length);
    match first {
        "wan" => same && next.is_some_and(|c| is_blank(*c)),
        _ => same && !next.is_some_and(|c| is_of_token(*c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_clitics_are_tokens() {
        for (text, expected) in [
            ("don't do \"this\", it's 3.5%.", "do n't do `` this '' , it 's 3.5 % ."),
            ("Cannot (gonna) --- end... U.S. a.m. said.", "Can not ( gon na ) -- - end ... U.S. a.m. said ."),
            ("The dogs' bones, 'tis 1,234: yes", "The dogs ' bones , ' tis 1,234 : yes"),
            ("well-known «word» ‘so’ — fine!?", "well-known « word » ‘ so ’ — fine ! ?"),
            ("They'll I'VE we're", "They 'll I 'VE we 're"),
            ("a,,b 'quoted' 's", "a , ,b ' quoted ' 's"),
            ("He said (\"hi.\")", "He said ( `` hi . '' )"),
            ("ends with comma,", "ends with comma ,"),
            ("*bold* a@b #1 <<x>>", "* bold * a @ b # 1 < < x > >"),
            ("I'd wanna wanna. ''so''", "I 'd wan na wan na . '' so ''"),
            ("", ""),
        ] {
            assert_eq!(tokens(text).join(" "), expected, "{text}");
        }
    }
}
