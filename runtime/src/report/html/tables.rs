//! The tables of the page: results per suite, and results by level of difficulty.

use std::collections::BTreeSet;

use super::*;
use crate::run_folder::{LevelResults, Results, SuiteResults};
use crate::statistics::Estimate;

/// Base and final results of every suite, with intervals.
pub(super) fn headline(page: &mut String, folder: &RunFolder) {
    page.push_str("<section>\n<h2>Results</h2>\n");
    let Some((base, latest)) = compared(folder) else {
        let missing = if folder.base().is_none() { "before the first step" } else { "after the first step" };
        page.push_str(&format!(
            "<p class=\"hint\">There is no evaluation {missing}, so there is nothing to compare.</p>\n"
        ));
        page.push_str("</section>\n");
        return;
    };
    if folder.last().is_none() {
        page.push_str(&format!(
            "<div class=\"note\">The run has not ended: “final” is the evaluation after step {}.</div>\n",
            latest.step
        ));
    }
    page.push_str("<p class=\"hint\">A change in bold is one whose 95% interval leaves out zero.</p>\n");
    for (name, before, after) in common_suites(base, latest) {
        page.push_str(&format!("<h3>{}{}</h3>\n", escape(name), size(after)));
        page.push_str("<div class=\"wide\"><table class=\"compare\">\n<thead><tr><th></th>");
        page.push_str("<th class=\"span\" colspan=\"3\">pass@1</th><th class=\"span\" colspan=\"3\">mean tokens per response</th></tr>\n");
        page.push_str("<tr><th>domain</th><th>base</th><th>final</th><th>change, points</th>");
        page.push_str("<th>base</th><th>final</th><th>change</th></tr></thead>\n<tbody>\n");
        let domains = folder.domains();
        for domain in domains.iter().take(TABLE_DOMAINS) {
            if let (Some(before), Some(after)) = (before.domains.get(*domain), after.domains.get(*domain)) {
                row(page, domain, "", &before.results, &after.results);
            }
        }
        row(page, "mean of domains", " class=\"total\"", &before.macro_average, &after.macro_average);
        page.push_str("</tbody></table></div>\n");
        if domains.len() > TABLE_DOMAINS {
            let more = domains.len() - TABLE_DOMAINS;
            page.push_str(&format!("<p class=\"hint\">{more} more domains are in the report as JSON.</p>\n"));
        }
    }
    page.push_str("</section>\n");
}

fn size(suite: &SuiteResults) -> String {
    let sizes: BTreeSet<(u64, u64)> = suite.domains.values().map(|domain| (domain.problems, domain.samples)).collect();
    let mut all = sizes.into_iter();
    match (all.next(), all.next()) {
        (Some((problems, samples)), None) => {
            let times = if samples == 1 { "1 sample".to_owned() } else { format!("{samples} samples") };
            format!(" <span class=\"hint\">{problems} problems per domain, {times} each</span>")
        }
        _ => String::new(),
    }
}

fn row(page: &mut String, name: &str, class: &str, before: &Results, after: &Results) {
    let rate = |estimate: Estimate| with_interval(estimate, words::percent, |bound| format!("{:.1}", bound * 100.0));
    let length = |estimate: Estimate| with_interval(estimate, words::tokens, words::tokens);
    let gain = difference(before.pass_at_1(), after.pass_at_1());
    let longer = difference(before.mean_tokens(), after.mean_tokens());
    let cells = [
        ("pass@1 base", rate(before.pass_at_1())),
        ("pass@1 final", rate(after.pass_at_1())),
        ("change, points", change(gain, words::points(gain.mean), words::points)),
        ("tokens base", length(before.mean_tokens())),
        ("tokens final", length(after.mean_tokens())),
        (
            "change",
            change(longer, words::relative(before.mean_tokens, after.mean_tokens), |bound| {
                words::relative(before.mean_tokens, before.mean_tokens + bound).replace('%', "")
            }),
        ),
    ];
    page.push_str(&format!("<tr{class}><th scope=\"row\">{}</th>", escape(name)));
    for (label, cell) in cells {
        page.push_str(&format!("<td data-label=\"{label}\">{cell}</td>"));
    }
    page.push_str("</tr>\n");
}

fn with_interval(estimate: Estimate, mean: fn(f64) -> String, bound: fn(f64) -> String) -> String {
    let interval = estimate.interval.map(|[low, high]| format!("<small>{}–{}</small>", bound(low), bound(high)));
    format!("{}{}", mean(estimate.mean), interval.unwrap_or_default())
}

fn change(estimate: Estimate, text: String, bound: impl Fn(f64) -> String) -> String {
    let text = typeset(&text);
    match estimate.interval {
        Some([low, high]) => {
            let class = if low > 0.0 || high < 0.0 { "clear" } else { "same" };
            let (low, high) = (typeset(&bound(low)), typeset(&bound(high)));
            format!("<span class=\"{class}\">{text}</span><small>{low} to {high}</small>")
        }
        None => text,
    }
}

/// Results by level of difficulty, one fold per suite.
pub(super) fn levels(page: &mut String, folder: &RunFolder) {
    let Some((base, latest)) = compared(folder) else {
        return;
    };
    let mut first = true;
    for (name, before, after) in common_suites(base, latest) {
        if after.domains.values().all(|domain| domain.levels.is_empty()) {
            continue;
        }
        if first {
            page.push_str("<section>\n<h2>By level of difficulty</h2>\n");
        }
        let open = if first { " open" } else { "" };
        first = false;
        page.push_str(&format!("<details{open}><summary>{}</summary>\n", escape(name)));
        page.push_str("<div class=\"wide\"><table class=\"compare\">\n<thead><tr><th></th>");
        page.push_str("<th class=\"span\" colspan=\"3\">pass@1</th><th class=\"span\" colspan=\"3\">mean tokens per response</th></tr>\n");
        page.push_str("<tr><th>domain and level</th><th>base</th><th>final</th><th>change, points</th>");
        page.push_str("<th>base</th><th>final</th><th>change</th></tr></thead>\n<tbody>\n");
        for domain in folder.domains().into_iter().take(TABLE_DOMAINS) {
            let (Some(before), Some(after)) = (before.domains.get(domain), after.domains.get(domain)) else {
                continue;
            };
            let mut levels: Vec<(&String, &LevelResults)> = after.levels.iter().collect();
            levels.sort_by_key(|(level, _)| (level.parse::<u64>().unwrap_or(u64::MAX), level.as_str()));
            for (level, after) in levels.into_iter().take(12) {
                if let Some(before) = before.levels.get(level) {
                    level_row(page, domain, level, before, after);
                }
            }
        }
        page.push_str("</tbody></table></div>\n</details>\n");
    }
    if !first {
        page.push_str("</section>\n");
    }
}

fn level_row(page: &mut String, domain: &str, level: &str, before: &LevelResults, after: &LevelResults) {
    let cells = [
        ("pass@1 base", words::percent(before.pass_at_1)),
        ("pass@1 final", words::percent(after.pass_at_1)),
        ("change, points", typeset(&words::points(after.pass_at_1 - before.pass_at_1))),
        ("tokens base", words::tokens(before.mean_tokens)),
        ("tokens final", words::tokens(after.mean_tokens)),
        ("change", typeset(&words::relative(before.mean_tokens, after.mean_tokens))),
    ];
    let size = format!("<span class=\"hint\">{} problems</span>", after.problems);
    page.push_str(&format!("<tr><th scope=\"row\">{} · level {} {size}</th>", escape(domain), escape(level)));
    for (label, cell) in cells {
        page.push_str(&format!("<td data-label=\"{label}\">{cell}</td>"));
    }
    page.push_str("</tr>\n");
}
