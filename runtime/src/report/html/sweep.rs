//! The page of a sweep: results with mean and spread over seeds, a picture for each suite, and all runs.

use super::super::plots::{Ink, Move, SERIES, tradeoff};
use super::super::sweep::{Configuration, OverSeeds, State, Sweep};
use super::super::words;
use super::{begin, escape, figures, typeset};

/// Suites that are shown; more are left to the JSON.
const SUITES: usize = 12;

/// `report.html` of a sweep. Like that of a run it needs no network and no script.
pub fn page(sweep: &Sweep) -> String {
    let mut page = begin(&format!("{} · runs", sweep.recipe));
    page.push_str(&format!("<header>\n<h1>{}</h1>\n", escape(&sweep.recipe)));
    let configurations = sweep.configurations();
    page.push_str(&format!(
        "<p class=\"lead\">{} runs of {} configurations: {} done, {} failed, {} left</p>\n</header>\n",
        sweep.members.len(),
        configurations.len(),
        sweep.count("done"),
        sweep.count("failed"),
        sweep.count("interrupted") + sweep.count("waiting"),
    ));
    for note in &sweep.notes {
        page.push_str(&format!("<div class=\"note\">{}</div>\n", escape(note)));
    }
    results(&mut page, sweep, &configurations);
    pictures(&mut page, sweep, &configurations);
    runs(&mut page, &configurations);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn results(page: &mut String, sweep: &Sweep, configurations: &[Configuration<'_>]) {
    page.push_str("<section>\n<h2>Results</h2>\n<p class=\"hint\">Means of domains at the end of a run; mean and sample standard ");
    page.push_str(
        "deviation over seeds, with the value of each seed below. Changes are from before the first step.</p>\n",
    );
    for suite in sweep.suites().into_iter().take(SUITES) {
        page.push_str(&format!(
            "<h3>{}</h3>\n<div class=\"wide\"><table>\n<thead><tr><th></th><th></th>",
            escape(suite)
        ));
        page.push_str("<th class=\"span\" colspan=\"3\">pass@1</th><th class=\"span\" colspan=\"3\">mean tokens per response</th></tr>\n");
        page.push_str("<tr><th>configuration</th><th>seeds</th><th>mean</th><th>spread</th><th>change, points</th>");
        page.push_str("<th>mean</th><th>spread</th><th>change</th></tr></thead>\n<tbody>\n");
        for configuration in configurations {
            page.push_str(&format!(
                "<tr><th scope=\"row\">{}</th><td>{} of {}</td>",
                escape(&configuration.name),
                configuration.done(),
                configuration.members.len()
            ));
            match configuration.suite(suite) {
                Some(row) => {
                    let base = row.base;
                    let points = base.map(|base| words::points(row.pass_at_1.mean - base.pass_at_1));
                    let relative = base.map(|base| words::relative(base.mean_tokens, row.mean_tokens.mean));
                    let spread = |value: f64| format!("{:.1}", value * 100.0);
                    cells(page, &row.pass_at_1, words::percent, spread, points);
                    cells(page, &row.mean_tokens, words::tokens, words::tokens, relative);
                }
                None => page.push_str("<td>–</td><td></td><td></td><td>–</td><td></td><td></td>"),
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</tbody></table></div>\n");
    }
    if sweep.suites().is_empty() {
        page.push_str("<p class=\"hint\">No run that has ended was evaluated at its end.</p>\n");
    }
    page.push_str("</section>\n");
}

fn cells(
    page: &mut String,
    seeds: &OverSeeds,
    shown: fn(f64) -> String,
    spread: impl Fn(f64) -> String,
    change: Option<String>,
) {
    let each = match seeds.values.len() {
        0 | 1 => String::new(),
        _ => {
            let all: Vec<String> = seeds.values.iter().take(8).map(|value| shown(*value)).collect();
            let more = if seeds.values.len() > 8 { " …" } else { "" };
            format!("<small>{}{more}</small>", all.join(" · "))
        }
    };
    let dash = || "–".to_string();
    page.push_str(&format!(
        "<td>{}{each}</td><td>{}</td><td>{}</td>",
        shown(seeds.mean),
        seeds.spread.map_or_else(dash, spread),
        change.map_or_else(dash, |change| typeset(&change)),
    ));
}

fn pictures(page: &mut String, sweep: &Sweep, configurations: &[Configuration<'_>]) {
    if sweep.suites().is_empty() {
        return;
    }
    page.push_str(
        "<section>\n<h2>Accuracy against tokens</h2>\n<p class=\"hint\">From the base (ring) to the mean over seeds ",
    );
    page.push_str("(arrow head): up is more accurate, left is shorter.");
    if configurations.len() > SERIES {
        page.push_str(&format!(" The first {SERIES} of {} configurations.", configurations.len()));
    }
    page.push_str("</p>\n<div class=\"plots\">\n");
    for suite in sweep.suites().into_iter().take(SUITES) {
        let rows = configurations.iter().take(SERIES).enumerate();
        let moves: Vec<Move> = rows
            .filter_map(|(at, configuration)| {
                let row = configuration.suite(suite)?;
                let from = row.base?;
                let to = Some((row.mean_tokens.mean, row.pass_at_1.mean));
                Some(Move {
                    name: &configuration.name,
                    ink: Ink::Series(at),
                    from: (from.mean_tokens, from.pass_at_1),
                    to,
                })
            })
            .collect();
        let legend: Vec<(Ink, &str)> = moves.iter().map(|arrow| (arrow.ink, arrow.name)).collect();
        let label = format!("pass@1 against mean tokens in suite {suite}, by configuration");
        figures::figure(page, suite, "", &legend, tradeoff(&moves, &label));
    }
    page.push_str("</div>\n</section>\n");
}

fn runs(page: &mut String, configurations: &[Configuration<'_>]) {
    page.push_str("<section>\n<h2>Runs</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>configuration</th><th>seed</th><th>state</th>");
    page.push_str("<th>steps</th><th>time</th><th>weights</th><th>folder</th></tr></thead>\n<tbody>\n");
    for configuration in configurations {
        for member in &configuration.members {
            let state = match &member.state {
                State::Failed { code, why } => {
                    format!("failed<small>{}: {}</small>", escape(code), escape(&words::clipped(why, 160)))
                }
                other => other.word().to_string(),
            };
            let outcome = member.outcome.as_ref();
            let folder = escape(&member.folder);
            let link = match outcome {
                Some(_) => format!("<a href=\"{}/report.html\">{folder}</a>", address(&member.folder)),
                None => folder,
            };
            page.push_str(&format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{state}</td><td>{}</td><td>{}</td><td><code>{}</code></td><td>{link}</td></tr>\n",
                escape(&configuration.name),
                member.seed,
                outcome.map_or_else(String::new, |outcome| words::grouped(outcome.steps as f64)),
                outcome.map_or_else(String::new, |outcome| words::duration(outcome.seconds)),
                outcome.map_or_else(String::new, |outcome| escape(&words::clipped(&outcome.weights_digest, 13))),
            ));
        }
    }
    page.push_str("</tbody></table></div>\n</section>\n");
}

/// The path of a folder as a part of an address.
fn address(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-=/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::super::sweep::tests::sweep;
    use super::super::tests::assert_balanced;
    use super::*;

    #[test]
    fn the_page_is_whole_and_alone() {
        let html = page(&sweep());
        assert_balanced(&html);
        for outside in ["<script", "<link", "http-equiv", "url(", "src=", "@import", "NaN"] {
            assert!(!html.contains(outside), "{outside}");
        }
        for words in [
            "quick &amp; small",
            "74.0%",
            "1 of 3",
            "cannot write &lt;here&gt;",
            "base-gamma=0.25-seed1/report.html",
            "<svg",
        ] {
            assert!(html.contains(words), "{words}");
        }
        assert_eq!(address("a b/é"), "a%20b/%C3%A9");
    }

    #[test]
    fn a_sweep_without_results_has_a_page() {
        let mut sweep = sweep();
        sweep.members.iter_mut().for_each(|member| member.outcome = None);
        let html = page(&sweep);
        assert_balanced(&html);
        assert!(html.contains("No run that has ended was evaluated"));
    }
}
