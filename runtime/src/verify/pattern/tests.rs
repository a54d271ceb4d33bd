use super::*;

fn count(pattern: &str, text: &str) -> Option<usize> {
    Pattern::ignoring_case(pattern)?.count(&Subject::new(text)).ok()
}

/// Each line: a pattern, a text, and the number of matches that Python 3.11 finds, ignoring case; none where the pattern
/// is an error there.
#[test]
fn counts_as_python_does() {
    let cases: &[(&str, &str, Option<usize>)] = &[
        ("cat", "Cat concatenate", Some(2)),
        ("c++", "c++ and C", Some(2)),
        ("c++c", "ccc", Some(0)),
        ("a.c", "abc a\nc", Some(1)),
        ("", "ab", Some(3)),
        ("a*", "aab", Some(3)),
        ("a|ab", "ab", Some(1)),
        ("(a|ab)(c|bcd)", "abcd", Some(1)),
        (r"\bcat\b", "cat, cats", Some(1)),
        (r"\d+", "12 a 3", Some(2)),
        ("[a-c]+", "abx C", Some(2)),
        ("[^a-c]", "abxC", Some(1)),
        ("[]a]", "]a", Some(2)),
        ("a{2}", "aaaa", Some(2)),
        ("a{,2}", "aaa", Some(3)),
        ("a{x", "a{x", Some(1)),
        ("x{2,1}", "x", None),
        (r"(\w)\1", "aabbc", Some(2)),
        ("(?P<n>a)(?P=n)", "aA", Some(1)),
        ("(?:ab)+", "ababx", Some(1)),
        ("a(?=b)", "abac", Some(1)),
        ("a(?!b)", "abac", Some(1)),
        ("(?<=a)b", "abcb", Some(1)),
        ("(?<!a)b", "abcb", Some(1)),
        ("(?<=a*)b", "ab", None),
        ("(?>a+)a", "aaa", Some(0)),
        ("(?-i:A)", "aA", Some(1)),
        ("^a", "a\na", Some(1)),
        ("(?m)^a", "a\na", Some(2)),
        ("a$", "a\n", Some(1)),
        (r"a\Z", "a\n", Some(0)),
        ("(?s)a.b", "a\nb", Some(1)),
        ("b(?m)", "b", None),
        ("*a", "a", None),
        ("a**", "a", None),
        ("(a", "(a", None),
        ("a)", "a)", None),
        ("[a", "[a", None),
        (r"\q", "q", None),
        (r"\.", "a.b", Some(1)),
        (r"\x41", "a", Some(1)),
        (r"\101", "a", Some(1)),
        ("(?#note)a", "a", Some(1)),
        ("(a*)*", "aa", Some(2)),
        ("(a|b)*?c", "abc", Some(1)),
        ("É", "é", Some(1)),
        ("é+", "ÉéE", Some(1)),
        ("a??", "aa", Some(5)),
        (r"\B", "ab", Some(1)),
        (r"\B", "", Some(0)),
        ("[a-", "a", None),
        ("[b-a]", "a", None),
        (r"[\w-]", "a-", Some(2)),
        (r"\2(a)", "a", None),
        ("$*", "a", None),
        ("^*", "a", None),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(count(pattern, text), *expected, "{pattern:?} in {text:?}");
    }
}

#[test]
fn steps_are_counted() {
    let text = Subject::new(&"a".repeat(5_000));
    for pattern in ["(a+)+b", "(a|a)*b", "a*a*a*a*b", "(?=(a*)*b)", r"(a*)\1\1b", "((a?){900}){900}"] {
        if let Some(pattern) = Pattern::new(pattern) {
            assert_eq!(pattern.is_in(&text), Err(OutOfSteps));
        }
    }
    assert!(Pattern::new(&"(".repeat(100_000)).is_none());
    assert!(Pattern::new(&format!("{}a{}", "(".repeat(60), ")".repeat(60))).is_none());
    assert!(Pattern::new("((((a{1000}){1000}){1000}){1000})").is_none());
}

#[test]
fn questions_of_one_judgement_share_their_steps() {
    let slow = Pattern::new("(a+)+b").expect("a pattern");
    let quick = Pattern::new("^a").expect("a pattern");
    let (steps, text) = (Steps::default(), "a".repeat(5_000));
    let texts = [Subject::sharing(&text, &steps), Subject::sharing(&text, &steps)];
    let mut answered = 0;
    for text in texts.iter().cycle().take(100) {
        assert_eq!(slow.is_in(text), Err(OutOfSteps));
        answered += usize::from(quick.is_in(text) == Ok(true));
    }
    // Eight questions that take all they may use up what there is; a text with steps of its own is not concerned.
    assert_eq!(answered, 7);
    assert_eq!(quick.is_in(&Subject::new(&text)), Ok(true));
}

#[test]
fn long_groups_and_many_groups_are_work() {
    let text = Subject::new(&"a".repeat(100_000));
    let begun = std::time::Instant::now();
    for pattern in [r"(.*)\1c", r"(a{0,1000})(?:\1)*c", &format!("{}x", "(b)?".repeat(300))] {
        let pattern = Pattern::new(pattern).expect("a pattern");
        assert_eq!(pattern.is_in(&text), Err(OutOfSteps));
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
}
