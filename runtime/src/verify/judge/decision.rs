//! Which line of a judgement decides.
//!
//! A line is compared as a whole, without the blanks at its ends; case counts. The *last* line that is a decision counts, because a
//! judge may reason first and may repeat the answer:
//!
//! - with `reject`, decisions are the lines that equal `accept` or `reject`;
//! - without it, and where `accept` has a label that ends with a colon (`Final Decision: Yes`), they are the lines with that label;
//! - else the last line that is not blank is the decision.
//!
//! A judgement without a decision cannot be read: that is the judge's failure, not the policy's.

/// How judgements are read.
#[derive(Debug, Clone)]
pub struct Decision {
    accept: String,
    reject: Option<String>,
}

impl Decision {
    /// Reads judgements by these lines; neither may be blank or have a line break, and they differ.
    pub fn new(accept: &str, reject: Option<&str>) -> Result<Self, String> {
        let line = |name: &str, text: &str| match text.trim() {
            "" => Err(format!("`{name}` is empty")),
            line if line.contains(['\n', '\r']) => Err(format!("`{name}` has several lines")),
            line => Ok(line.to_owned()),
        };
        let accept = line("accept", accept)?;
        let reject = reject.map(|text| line("reject", text)).transpose()?;
        if reject.as_ref() == Some(&accept) {
            return Err("`accept` and `reject` are the same".into());
        }
        Ok(Self { accept, reject })
    }

    /// True when the judgement accepts, false when it rejects; else why it cannot be read.
    pub fn read(&self, judgement: &str) -> Result<bool, String> {
        let mut lines = judgement.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).rev().peekable();
        if lines.peek().is_none() {
            return Err("its judgement is empty".into());
        }
        let label = match (&self.reject, self.accept.rfind(':')) {
            (None, Some(at)) if at + 1 < self.accept.len() => self.accept.get(..=at),
            _ => None,
        };
        let decides = |line: &&str| match (&self.reject, label) {
            (Some(reject), _) => *line == self.accept || line == reject,
            (None, Some(label)) => line.starts_with(label),
            (None, None) => true,
        };
        match (lines.find(decides), &self.reject) {
            (Some(line), _) => Ok(line == self.accept),
            (None, Some(reject)) => Err(format!("its judgement has neither the line `{}` nor `{reject}`", self.accept)),
            (None, None) => Err(format!("its judgement has no line that begins with `{}`", label.unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(accept: &str, reject: Option<&str>, judgement: &str) -> Option<bool> {
        Decision::new(accept, reject).expect("a decision").read(judgement).ok()
    }

    #[test]
    fn a_label() {
        let of = |text| read("Final Decision: Yes", None, text);
        assert_eq!(of("They agree.\n\n  Final Decision: Yes \n"), Some(true));
        assert_eq!(of("Final Decision: Yes\r\nFinal Decision: No"), Some(false));
        assert_eq!(
            of("The student wrote:\nFinal Decision: Yes\nThat is no answer.\nFinal Decision: No\n\n"),
            Some(false)
        );
        assert_eq!(of("Final Decision: Yes, mostly"), Some(false));
        for text in ["", " \n\n", "I say Final Decision: Yes", "Final decision: yes", "Yes", "> Final Decision: Yes"] {
            assert_eq!(of(text), None, "{text:?}");
        }
    }

    #[test]
    fn two_lines() {
        let of = |text| read("correct", Some("incorrect"), text);
        assert_eq!(of("hm\ncorrect\n"), Some(true));
        assert_eq!(of("correct\nincorrect"), Some(false));
        assert_eq!(of("incorrect\ncorrect\nThat is all."), Some(true));
        for text in ["", "Correct", "correct.", "not correct", "### Judgement: correct"] {
            assert_eq!(of(text), None, "{text:?}");
        }
    }

    #[test]
    fn one_word() {
        let of = |text| read(" yes ", None, text);
        assert_eq!(of("no\nyes\n"), Some(true));
        assert_eq!(of("yes\nno"), Some(false));
        assert_eq!(of("oh yes"), Some(false));
        assert_eq!(of("\n"), None);
    }

    #[test]
    fn lines_that_decide_nothing() {
        for (accept, reject) in [("", None), (" ", None), ("a\nb", None), ("a", Some(" a ")), ("a", Some(""))] {
            assert!(Decision::new(accept, reject).is_err(), "{accept:?} {reject:?}");
        }
    }
}
