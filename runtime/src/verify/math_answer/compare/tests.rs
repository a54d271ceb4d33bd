use super::super::parse::parse;
use super::*;

fn read(text: &str) -> Expr {
    parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}"))
}

fn found(gold: &str, prediction: &str) -> Comparison {
    compare(&read(gold), &read(prediction), Manner::default(), &mut Work::default())
}

#[test]
fn values_that_are_the_same() {
    for (gold, prediction) in [
        ("5", "5.0"),
        (r"\frac{1}{3}", "0.33333333333"),
        (r"2\sqrt{3}", r"\sqrt{12}"),
        (r"\sqrt{3+2\sqrt{2}}", r"1+\sqrt{2}"),
        (r"x^2+2x+1", "(x+1)^{2}"),
        (r"\frac{x^2-1}{x-1}", "x+1"),
        (r"\sin x\cos x", r"\frac{\sin 2x}{2}"),
        (r"\sqrt{x^2}", "|x|"),
        (r"\frac{n(n+1)}{2}", r"\binom{n+1}{2}"),
        (r"\sum_{k=1}^{n}k", r"\frac{n(n+1)}{2}"),
        (r"\sum_{n=1}^{\infty}\frac{1}{n^2}", r"\frac{\pi^2}{6}"),
        (r"\int_0^1 x^2\,dx", r"\frac{1}{3}"),
        (r"5\%", "0.05"),
        ("5", r"5\%"),
        (r"\{1,2\}", "2,1"),
        ("(0,1)", r"\{0,1\}"),
        ("x=5", "5"),
        ("5", "n=2+3=5"),
        ("x>5", r"(5,\infty)"),
        ("5<x", "x>5"),
        ("3x+4y=12", r"y=3-\frac{3}{4}x"),
        ("-2<x<3", "3>x>-2"),
        (r"\text{abc}", "ABC"),
        (r"[0,2]\cup[1,3]", "[0,3]"),
        (r"\begin{pmatrix}1&2\end{pmatrix}", r"\frac{1}{2}\begin{pmatrix}2&4\end{pmatrix}"),
        (r"\infty", r"+\infty"),
        (r"-\infty", r"2-\infty"),
        ("e^{2}", r"\exp(2)"),
    ] {
        assert_eq!(found(gold, prediction), Comparison::Same, "{gold} and {prediction}");
    }
}

#[test]
fn values_that_are_not() {
    for (gold, prediction) in [
        ("5", "5.0000001"),
        (r"\frac{1}{3}", "0.333"),
        (r"2\sqrt{3}", "3.46"),
        (r"\sqrt{x^2}", "x"),
        ("(x+3)(x+6)", "|(x+3)(x+6)|"),
        ("x+40", "|x+40|"),
        ("(0,1)", "[0,1]"),
        ("(1,2,3)", "(3,2,1)"),
        (r"\{1,2\}", r"\{1,2,3\}"),
        ("x=1", "y=1"),
        ("x>5", r"x\ge 5"),
        (r"\text{abc}", "CBA"),
        (r"10^{20}", "10^{20}+1"),
        (r"\infty", r"-\infty"),
        ("y=2x+3", "2x+y=3"),
        ("0", r"\infty"),
        (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        // 5e-11 apart, and not the same.
        (r"\sqrt{10^{20}+1}", "10^{10}"),
    ] {
        assert_ne!(found(gold, prediction), Comparison::Same, "{gold} and {prediction}");
    }
}

#[test]
fn names_may_be_matched_in_their_order() {
    let loose = Manner { strict: false, ..Manner::default() };
    let compare = |gold, prediction| compare(&read(gold), &read(prediction), loose, &mut Work::default());
    assert_eq!(compare("x^2+y", "a^2+b"), Comparison::Same);
    assert_eq!(compare("2x", "3y"), Comparison::Different);
}
