//! Labelled cases against their labels, for the tests of all verifiers.
//!
//! Cases that were made for this project are in `tests/conformance`. Those of others stay outside: they are read from the
//! folder that `RECIPEC_CONFORMANCE` names, or from `shared/conformance` beside the repository.

use super::{Case, Domain, Judge};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How many cases of a category agree, of how many.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// They agree.
    pub agree: usize,
    /// All of them.
    pub of: usize,
}

/// Shares by category: of the plain cases and of the disputed ones.
#[derive(Debug, Default)]
pub struct Shares {
    /// Cases that are not disputed.
    pub plain: BTreeMap<String, Share>,
    /// Cases whose label is questionable.
    pub disputed: BTreeMap<String, Share>,
}

impl Shares {
    /// The sum over all categories.
    pub fn total(shares: &BTreeMap<String, Share>) -> Share {
        let add = |sum: Share, share: &Share| Share { agree: sum.agree + share.agree, of: sum.of + share.of };
        shares.values().fold(Share::default(), add)
    }

    /// Fails where a category has more plain cases that disagree than it may have, or a test has read nothing.
    pub fn hold(&self, least: usize, may_disagree: &[(&str, usize)]) {
        let (plain, disputed) = (Self::total(&self.plain), Self::total(&self.disputed));
        println!("{} of {} agree; of the disputed ones {} of {}", plain.agree, plain.of, disputed.agree, disputed.of);
        assert!(plain.of >= least, "only {} cases were read", plain.of);
        for (category, share) in &self.plain {
            let allowed = may_disagree.iter().find(|(known, _)| known == category).map_or(0, |(_, allowed)| *allowed);
            assert!(share.of - share.agree <= allowed, "{category}: {} of {} agree", share.agree, share.of);
        }
    }
}

/// A file of the repository.
pub fn of_this_repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance").join(name)
}

/// A file that stays outside; none, with a line that says so, where it is not there.
pub fn from_outside(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("RECIPEC_CONFORMANCE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"), PathBuf::from);
    let path = folder.join(name);
    if path.is_file() {
        return Some(path);
    }
    println!("not compared: {} is not there; RECIPEC_CONFORMANCE names the folder with these cases", path.display());
    None
}

/// Judges the cases of a file that `keep` keeps, and prints those that disagree. `also` may ask more of a verdict than its
/// status and score.
pub fn compare(
    domain: Domain,
    path: &Path,
    category: impl Fn(&Value) -> String,
    keep: impl Fn(&Value) -> bool,
    also: impl Fn(&Value, &crate::verify::Verdict) -> bool,
) -> Shares {
    let text = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let mut judge = Judge::new(domain, BTreeMap::new());
    let mut shares = Shares::default();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).expect("a case is JSON");
        if !keep(&row) {
            continue;
        }
        let case = Case::read(domain, &row).unwrap_or_else(|why| panic!("{why}: {line}"));
        let verdict = judge.judge(&case);
        let expected = case.expected.as_ref().unwrap_or_else(|| panic!("no label: {line}"));
        let agrees = expected.agrees(&verdict) && also(&row, &verdict);
        let shares = if case.disputed { &mut shares.disputed } else { &mut shares.plain };
        let share = shares.entry(category(&row)).or_default();
        share.of += 1;
        share.agree += usize::from(agrees);
        if !agrees {
            let mark = if case.disputed { "disputed " } else { "" };
            println!("{mark}{}: {expected:?}, found {verdict:?}", row["id"]);
        }
    }
    shares
}
