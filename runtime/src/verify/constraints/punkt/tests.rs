use super::*;

#[test]
fn full_stops_of_abbreviations_end_nothing() {
    for (text, expected) in [
        ("One. Two! Three?", vec!["One.", "Two!", "Three?"]),
        ("Dr. Smith came. He left.", vec!["Dr. Smith came.", "He left."]),
        ("Wait... what?", vec!["Wait... what?"]),
        ("Wait... However, no.", vec!["Wait...", "However, no."]),
        ("First... second. Third!", vec!["First... second.", "Third!"]),
        ("U.S. policy matters. The U.S. The end.", vec!["U.S. policy matters.", "The U.S.", "The end."]),
        ("He said \"go.\" Then (she left.) End", vec!["He said \"go.\"", "Then (she left.)", "End"]),
        ("One.Two.Three.", vec!["One.Two.Three."]),
        ("Bad!!! Yes", vec!["Bad!!!", "Yes"]),
        ("It is 3.5 m. long", vec!["It is 3.5 m. long"]),
        ("J. Bach wrote it. I know.", vec!["J. Bach wrote it.", "I know."]),
        ("A.\n\nB.\n\nC.", vec!["A.", "B.\n\nC."]),
        ("so . . . then", vec!["so .", ".", ".", "then"]),
        ("e.g. this. i.e. that. Etc.", vec!["e.g.", "this.", "i.e.", "that.", "Etc."]),
        ("“Curly.” «Angle.» End", vec!["“Curly.”", "«Angle.»", "End"]),
        ("", vec![]),
        (" \n", vec![]),
    ] {
        assert_eq!(sentences(text), expected, "{text}");
        assert_eq!(count(text), expected.len(), "{text}");
    }
}

#[test]
fn lists_are_sorted_and_small() {
    for word in ["the", "new"] {
        assert!(english::is_known(word) && !english::is_ordinary(word), "{word}");
    }
    assert!(english::is_ordinary("suddenly") && !english::is_known("xylograph"));
}

#[test]
fn hostile_texts_end_at_once() {
    for piece in [". ", ".", "!", "a.", "\". ", ".\n", "-", "..", ". . ", "! \"", "a! ", ")", ". a\n"] {
        let text = piece.repeat(400_000 / piece.len());
        assert!(count(&text) <= text.len());
    }
}
