//! Rollouts before and after, side by side.

use super::*;
use crate::run_folder::SampledRollout;

/// Domains shown, and characters of a prompt or response.
const DOMAINS: usize = 12;
const LETTERS: usize = 4_000;

/// One early and one late rollout of each domain.
pub(super) fn examples(page: &mut String, folder: &RunFolder) {
    if folder.examples.domains.is_empty() {
        return;
    }
    page.push_str(
        "<section>\n<h2>Examples</h2>\n<p class=\"hint\">Sampled training rollouts from the first and the last ",
    );
    page.push_str("recorded step; of the same problem where both steps hold one.</p>\n");
    let shown = folder.domains().into_iter().filter_map(|name| Some((name, folder.examples.domains.get(name)?)));
    for (name, domain) in shown.take(DOMAINS) {
        let (early, late) = domain.pair();
        page.push_str(&format!("<div class=\"example\"><h3>{}</h3>\n", escape(name)));
        let same = matches!((early, late), (Some(early), Some(late)) if early.prompt == late.prompt);
        if let (true, Some(early)) = (same, early) {
            page.push_str(&format!("<pre>{}</pre>\n", cut(&early.prompt)));
        }
        page.push_str("<div class=\"pair\">\n");
        for rollout in [early, late].into_iter().flatten() {
            side(page, rollout, !same);
        }
        page.push_str("</div></div>\n");
    }
    page.push_str("</section>\n");
}

fn side(page: &mut String, rollout: &SampledRollout, with_prompt: bool) {
    let cut_off = if rollout.truncated { ", cut by the cap" } else { "" };
    page.push_str(&format!("<div><b>Step {}</b> <span class=\"hint\">", rollout.step));
    let status = rollout.status.replace('_', " ");
    page.push_str(&format!("{}, {} tokens{cut_off}</span>\n", escape(&status), words::grouped(rollout.length as f64)));
    if with_prompt {
        page.push_str(&format!("<pre>{}</pre>\n", cut(&rollout.prompt)));
    }
    page.push_str(&format!("<pre>{}</pre>\n<div class=\"hint\">", cut(&rollout.response)));
    let number = |value: f64| typeset(&format!("{value:.3}"));
    let mut parts: Vec<String> = rollout.total.iter().map(|total| format!("reward {}", number(*total))).collect();
    parts.extend(rollout.terms.iter().map(|(name, value)| format!("{} {}", escape(name), number(*value))));
    parts.extend(rollout.advantage.iter().map(|advantage| format!("advantage {}", number(*advantage))));
    page.push_str(&parts.join(" · "));
    page.push_str("</div></div>\n");
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{} …\n[{} more characters]", escape(&text[..end]), text[end..].chars().count()),
        None => escape(text),
    }
}
