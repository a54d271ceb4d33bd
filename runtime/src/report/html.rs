//! `report.html`: one page that explains a run, without network and without scripts.
//!
//! Invariant: everything that comes from the run folder passes through [`escape`] before it reaches the page.

use super::words;
use crate::run_folder::{Evaluation, RunFolder};
use crate::statistics::difference;

mod examples;
mod figures;
pub(super) mod sweep;
mod tables;

use super::plots::PALETTE;

/// Domains in tables; more of them are counted and left to `report --json`.
const TABLE_DOMAINS: usize = 40;

/// The page.
pub fn html(folder: &RunFolder) -> String {
    let title = folder.summary.as_ref().map_or_else(
        || folder.path.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned()),
        |summary| summary.recipe.clone(),
    );
    let mut page = begin(&format!("{title} · run report"));
    header(&mut page, folder, &title);
    for note in &folder.notes {
        page.push_str(&format!("<div class=\"note\">{}</div>\n", escape(note)));
    }
    for finding in folder.findings() {
        let sentence = format!("{}, {}", finding.stage, finding.sentence());
        page.push_str(&format!("<div class=\"note\">{}</div>\n", escape(&sentence)));
    }
    tables::headline(&mut page, folder);
    figures::tradeoffs(&mut page, folder);
    figures::mix(&mut page, folder);
    figures::training(&mut page, folder);
    figures::penalty(&mut page, folder);
    tables::levels(&mut page, folder);
    examples::examples(&mut page, folder);
    facts(&mut page, folder);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// The head of a page, up to its content.
fn begin(title: &str) -> String {
    let mut page = String::with_capacity(1 << 19);
    page.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n");
    page.push_str(&format!("<title>{}</title>\n", escape(title)));
    page.push_str(&format!(
        "<style>\n{}{}</style>\n</head>\n<body>\n<main>\n",
        colours(),
        include_str!("html/style.css")
    ));
    page
}

/// Text made safe inside elements and quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters other than line breaks and tabs are not allowed in a page.
            '\n' | '\t' => out.push(letter),
            _ if letter.is_control() => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
    out
}

/// A minus sign as wide as a plus sign.
fn typeset(number: &str) -> String {
    number.replace('-', "−")
}

/// The palette as CSS variables, and the rules that give the pictures the colours of the page.
fn colours() -> String {
    let mut light = String::from("--page:#f6f7f9;--card:#fff;");
    let mut dark = String::from("--page:#0d1117;--card:#161b22;");
    let mut rules = String::new();
    for (name, (red, green, blue), at_night) in PALETTE {
        let colour = format!("#{red:02X}{green:02X}{blue:02X}");
        light.push_str(&format!("--{name}:{colour};"));
        dark.push_str(&format!("--{name}:{at_night};"));
        for way in ["stroke", "fill"] {
            rules.push_str(&format!("svg.plot [{way}=\"{colour}\"]{{{way}:var(--{name})}}\n"));
        }
        rules.push_str(&format!(".{name}{{color:var(--{name})}}\n"));
    }
    let light = format!(":root{{color-scheme:light dark;{light}}}\n");
    format!("{light}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{rules}")
}

fn header(page: &mut String, folder: &RunFolder, title: &str) {
    page.push_str(&format!("<header>\n<h1>{}</h1>\n", escape(title)));
    match &folder.summary {
        Some(summary) => {
            let variant =
                summary.variant.as_ref().map(|name| format!("variant {}, ", escape(name))).unwrap_or_default();
            let ended = escape(&summary.stopped_by);
            page.push_str(&format!("<p class=\"lead\">{variant}seed {}, stopped by {ended}</p>\n", summary.seed));
        }
        None => page.push_str("<p class=\"lead\">This run has not ended; numbers are as of its last line.</p>\n"),
    }
    page.push_str("<div class=\"tiles\">\n");
    let mut tile = |value: String, what: String| {
        page.push_str(&format!("<div class=\"tile\"><b>{value}</b><span>{what}</span></div>\n"));
    };
    if let Some((name, before, after)) =
        compared(folder).and_then(|(base, latest)| common_suites(base, latest).into_iter().next())
    {
        let (before, after) = (before.macro_average, after.macro_average);
        let change = typeset(&words::points(difference(before.pass_at_1(), after.pass_at_1()).mean));
        let arrow = |from: String, to: String| format!("<i>{from} →</i> {to}");
        let name = escape(name);
        tile(
            arrow(words::percent(before.pass_at_1), words::percent(after.pass_at_1)),
            format!("pass@1, {change} points<br>mean of domains, suite {name}"),
        );
        let change = typeset(&words::relative(before.mean_tokens, after.mean_tokens));
        tile(
            arrow(words::tokens(before.mean_tokens), words::tokens(after.mean_tokens)),
            format!("tokens per response, {change}<br>mean of domains, suite {name}"),
        );
    }
    if let Some(summary) = &folder.summary {
        let tokens = words::short(summary.generated_tokens as f64);
        tile(
            words::duration(summary.seconds),
            format!("wall time<br>{} optimizer steps", words::grouped(summary.steps as f64)),
        );
        tile(tokens, "tokens generated<br>for training".to_owned());
    } else if let Some(step) = folder.metrics.last() {
        tile(words::grouped(step.step as f64), format!("steps of stage {}", escape(&step.stage)));
        tile(words::short(step.tokens.total_generated as f64), "tokens generated<br>for training".to_owned());
    }
    page.push_str("</div>\n</header>\n");
}

fn facts(page: &mut String, folder: &RunFolder) {
    page.push_str("<section>\n<h2>Facts</h2>\n<dl>\n");
    let mut fact = |name: &str, value: String| page.push_str(&format!("<dt>{name}</dt><dd>{value}</dd>\n"));
    if let Some(summary) = &folder.summary {
        fact("Recipe", escape(&summary.recipe));
        fact("Variant", summary.variant.as_ref().map_or_else(|| "none".to_owned(), |name| escape(name)));
        fact("Seed", summary.seed.to_string());
        fact("Stopped by", escape(&summary.stopped_by));
        fact("Wall time", words::duration(summary.seconds));
        fact("Optimizer steps", words::grouped(summary.steps as f64));
        fact("Tokens generated", words::grouped(summary.generated_tokens as f64));
        fact("Digest of the weights", format!("<code>{}</code>", escape(&summary.weights_digest)));
    }
    if let Some(origin) = &folder.origin {
        let code = |text: &str| format!("<code>{}</code>", escape(text));
        fact("Hash of the recipe", code(&origin.recipe_hash));
        fact("Lock of the inputs", code(&origin.lock));
        fact("Program", escape(&origin.program));
        fact("Device", format!("{}, {}", escape(&origin.device), escape(&origin.machine)));
        fact("Command", code(&origin.command.join(" ")));
        if let Some(fork) = &origin.forked_from {
            fact("Forked from", escape(&format!("{}@{}", fork.run, fork.step)));
        }
    }
    let limited: u64 = folder.metrics.iter().map(|step| step.limited_verdicts).sum();
    let errors: u64 = folder.metrics.iter().map(|step| step.verifier_errors).sum();
    fact("Verdicts ended by a limit", words::grouped(limited as f64));
    fact("Verifier errors", words::grouped(errors as f64));
    page.push_str("</dl>\n<p class=\"hint\" style=\"margin-top:16px\">Intervals are 95%. The unit of chance is the problem, not the ");
    page.push_str("response: Wilson’s interval for rates, Student’s for lengths. The interval of a change takes both evaluations ");
    page.push_str("as independent, which is careful when they share their problems.</p>\n</section>\n");
}

/// The evaluations to compare: before the first step, and the last one.
fn compared(folder: &RunFolder) -> Option<(&Evaluation, &Evaluation)> {
    folder.base().zip(folder.latest())
}

/// Suites that both evaluations have.
fn common_suites<'a>(
    base: &'a Evaluation,
    latest: &'a Evaluation,
) -> Vec<(&'a str, &'a crate::run_folder::SuiteResults, &'a crate::run_folder::SuiteResults)> {
    let both = base.suites.iter().filter_map(|(name, before)| Some((name.as_str(), before, latest.suites.get(name)?)));
    both.take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, Part};
    use super::*;
    use crate::run_folder::{EVALUATIONS, METRICS, SUMMARY};

    /// Opening and closing tags must match; void elements and self-closed ones are skipped.
    pub(super) fn assert_balanced(page: &str) {
        let mut open: Vec<&str> = Vec::new();
        let body = &page[page.find("<html").unwrap()..];
        for tag in body.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{tag}");
            } else if !tag.ends_with('/') && !tag.starts_with("meta") && !tag.starts_with("br") {
                open.push(tag.split([' ', '\n']).next().unwrap());
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    #[test]
    fn the_page_is_whole_small_and_alone() {
        let page = html(&Fixture::new().read());
        assert_balanced(&page);
        assert!(page.len() < 2_000_000, "{} bytes", page.len());
        for outside in ["<script", "<link", "http-equiv", "url(", "src=", "@import", "NaN"] {
            assert!(!page.contains(outside), "{outside}");
        }
        // The name of the SVG name space is the only address.
        assert_eq!(page.replace("http://www.w3.org/2000/svg", "").matches("http").count(), 0);
        for section in [
            "Results",
            "Accuracy against tokens",
            "The mix",
            "Training",
            "Length penalty",
            "By level",
            "Examples",
            "Facts",
        ] {
            assert!(page.contains(&format!("<h2>{section}")), "{section}");
        }
    }

    #[test]
    fn the_text_of_rollouts_cannot_become_markup() {
        let page = html(&Fixture::new().read());
        assert!(page.contains("&lt;script&gt;alert(&#39;no&#39;)&lt;/script&gt;"));
        assert!(page.contains("&lt;b&gt;one&lt;/b&gt;, then &amp; two"));
        assert_eq!(escape("a\u{0}b\u{1b}"), "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn every_missing_part_leaves_a_page() {
        for part in [Part::Summary, Part::Evaluations, Part::End, Part::Optional] {
            let page = html(&Fixture::new().without(part).read());
            assert_balanced(&page);
            assert!(page.contains("<h2>Facts"), "{part:?}");
        }
        let all = Fixture::new().without(Part::Evaluations).without(Part::Optional).without(Part::Summary).read();
        assert!(html(&all).contains("summary.json is missing"));
    }

    #[test]
    fn a_long_run_does_not_make_a_large_page() {
        let page = html(&Fixture::new().steps(6_000).read());
        assert!(page.len() < 2_000_000, "{} bytes", page.len());
    }

    /// Numbers that no run has, but a damaged or hostile file may.
    #[test]
    fn absurd_numbers_leave_a_page() {
        for absurd in ["1e308", "-1e308", "1e-308", "0"] {
            let fixture = Fixture::new();
            fixture.write();
            for (name, keys) in [
                (METRICS, &["mean_tokens", "solve_rate", "entropy", "loss", "total", "truncated"][..]),
                (EVALUATIONS, &["pass_at_1", "mean_tokens"][..]),
                (SUMMARY, &["sampled", "trained", "seconds", "ratio"][..]),
            ] {
                let file = fixture.path().join(name);
                let mut text = std::fs::read_to_string(&file).unwrap();
                for key in keys {
                    text = with_value(&text, key, absurd);
                }
                std::fs::write(&file, text).unwrap();
            }
            let run = RunFolder::read(fixture.path()).unwrap();
            assert_balanced(&html(&run));
            assert!(super::super::table(&run).contains("quickstart"));
            assert!(super::super::json(&run)["base"].is_object());
        }
    }

    /// Replaces every number under a key.
    fn with_value(text: &str, key: &str, value: &str) -> String {
        let key_text = format!("\"{key}\":");
        let mut parts = text.split(key_text.as_str());
        let mut out = parts.next().unwrap().to_owned();
        for part in parts {
            let end = part.find([',', '}']).unwrap();
            let old = &part[..end];
            let is_number = old.parse::<f64>().is_ok_and(|number| number.fract() != 0.0);
            out.push_str(&format!("\"{key}\":{}{}", if is_number { value } else { old }, &part[end..]));
        }
        out
    }
}
