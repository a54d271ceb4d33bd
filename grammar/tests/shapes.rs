//! Good recipes: no error, and the tree has the right shape.

mod common;

use common::{faults, good, item, items, read};
use recipec_grammar::tree::{Entry, ExprKind, ItemKind};

#[test]
fn the_recipes_of_the_repository_parse() {
    for (text, count) in [
        (include_str!("../../recipes/apriel_reasoner.recipe"), 29),
        (include_str!("../../recipes/quickstart.recipe"), 31),
    ] {
        let file = good(text);
        assert_eq!(file.items.len(), count);
    }
}

#[test]
fn the_published_recipe_has_its_shape() {
    let lines = items(&good(include_str!("../../recipes/apriel_reasoner.recipe")));
    for expected in [
        "param gamma: number in (0..4) = 0.5",
        "budget {prompt = 2048_tokens; output = 16384_tokens; buffer = 4096_tokens; evaluation = 32768_tokens; \
         steps = 400_steps; tokens = 3000000000_tokens; time = 336_h}",
        "domain logic {ratio = 0.15; data = hf(\"PrimeIntellect/INTELLECT-3-RL\" config=\"logic\"); verify = puzzle()}",
        "mix {count = completed(rollouts); warmup = 50_rollouts; \
         weight = (ratio * clip((ratio / max(achieved 0.000000001)) 0.1 10)) source \"arXiv 2604.02007, adaptive domain sampling\"}",
        "formula overlong(n:tokens) -> reward = \
         clip((((budget.output - budget.buffer) - n) / budget.buffer) (- 1) 0) source \"arXiv 2604.02007, length penalty\"",
        "penalty difficulty_aware = (overlong(length) * scale) where scale = \
         (if truncated then 1 else (if correct then (solve_rate ^ gamma) else wrong_scale)) \
         source \"arXiv 2604.02007, difficulty-aware length penalty\"",
        "reward {outcome = (if correct then 1 else score); unfinished = as_judged; total = (outcome + difficulty_aware)}",
        "evaluate {every = 20_steps; sampling = {temperature = 0.6; top_p = 0.95}; \
         suite aime {data = hf(\"math-ai/aime25\"); verify = math_answer(gold=answer); samples = 16}}",
        "guarantee bounded all[gamma wrong_scale] : difficulty_aware within ((- 1)..0)",
        "guarantee monotone all[gamma wrong_scale] : difficulty_aware falls length",
        "guarantee ordered all[] : ((total given correct) >= (total given wrong)) same[length truncated]",
        "variant uniform_mix {override domain.*.ratio = 0.2}",
        "sweep gamma [0.25 0.5 1]",
        "test \"a hard problem solved at the cap costs little\" given[length=16384_tokens correct finished \
         solve_rate=(1 / 8) gamma=0.5] expect (difficulty_aware == (- 0.35355)) +- 0.0001",
    ] {
        assert!(lines.iter().any(|line| line == expected), "missing: {expected}\nin:\n{}", lines.join("\n"));
    }
}

#[test]
fn the_other_systems_parse() {
    // design.md, section 3, "The other systems, as tests of the language".
    let text = r#"// RuleReasoner: weights from reward history (ratio is optional where the weight does not read it)
mix {
  every  = 8 steps
  weight = exp((max(0, target - history) + eps) / tau)
    where history = ema(mean(total, over = last_batch), keep = 0.5, start = 0)
}
// General-Reasoner: a model as verifier, and its length term (lengths in the policy's tokens)
penalty mismatch = if correct then -0.05 * min(10, abs(answer_length - reference_length) / 1 token) else 0
reward  { outcome = if not answered then -0.5 else if correct then 1 else 0   unfinished = as_judged   total = outcome + mismatch }
// DARL: bounded diversity on the policy's own probabilities
reward  { unfinished = as_judged
          total = alpha * reference_probability + beta * (if delta <= reference_probability / gamma then delta else 0)
            where delta = max(reference_probability - answer_probability, 0) }
// Nemotron-Cascade: domain-wise stages
stage rlhf { domains = { chat = 100% }  override reward.outcome = reward_model(preference)  override budget.steps = 800 steps }
stage math_24k after rlhf     { domains = { math = 100% }  override budget.output = 24Ki tokens  override train.optimizer.lr = 2e-6 }
stage math_32k after math_24k { domains = { math = 100% }  override budget.output = 32Ki tokens }
"#;
    let file = good(text);
    assert_eq!(file.comments.len(), 4);
    assert_eq!(
        items(&file),
        [
            "mix {every = 8_steps; weight = exp(((max(0 (target - history)) + eps) / tau)) where history = \
             ema(mean(total over=last_batch) keep=0.5 start=0)}",
            "penalty mismatch = (if correct then ((- 0.05) * min(10 (abs((answer_length - reference_length)) / 1_token))) else 0)",
            "reward {outcome = (if (not answered) then (- 0.5) else (if correct then 1 else 0)); unfinished = as_judged; \
             total = (outcome + mismatch)}",
            "reward {unfinished = as_judged; total = ((alpha * reference_probability) + (beta * \
             (if (delta <= (reference_probability / gamma)) then delta else 0))) where delta = \
             max((reference_probability - answer_probability) 0)}",
            "stage rlhf {domains = {chat = 1}; override reward.outcome = reward_model(preference); \
             override budget.steps = 800_steps}",
            "stage math_24k after rlhf {domains = {math = 1}; override budget.output = 24576_tokens; \
             override train.optimizer.lr = 0.000002}",
            "stage math_32k after math_24k {domains = {math = 1}; override budget.output = 32768_tokens}",
        ]
    );
}

#[test]
fn items_have_their_shape() {
    for (text, expected) in [
        ("import \"a.recipe\"", "import \"a.recipe\""),
        ("extends \"b.recipe\"", "extends \"b.recipe\""),
        ("sweep steps in [1K, 2K]", "sweep steps [1000 2000]"),
        ("param a : integer in [1, 2, 3] = 2", "param a: integer in [1 2 3] = 2"),
        (
            "param a : tokens in 1Ki tokens..2Ki tokens = 1500 tokens",
            "param a: tokens in (1024_tokens..2048_tokens) = 1500_tokens",
        ),
        ("param top : number in -1..0 = -0.5", "param top: number in ((- 1)..0) = (- 0.5)"),
        ("term bonus = 1 - x where x = 2, y = 3", "term bonus = (1 - x) where x = 2 where y = 3"),
        ("guarantee up : a rises in score", "guarantee up all[] : a rises score"),
        ("allow recipe::a::b because \"x\"", "allow recipe::a::b \"x\""),
        // Words are keywords only where a keyword may stand.
        (
            "domain stage { train = full  reward = test  where = 3 }",
            "domain stage {train = full; reward = test; where = 3}",
        ),
        ("stage after { a = after }", "stage after {a = after}"),
        (
            "x { override = 1  given = 2  if = 3  then = 4  not = 5 }",
            "x {override = 1; given = 2; if = 3; then = 4; not = 5}",
        ),
        ("param param : ratio = param", "param param: ratio = param"),
        // Any word and a brace is a block; the compiler knows the keywords.
        ("domian code { }", "domian code {}"),
        ("outer { inner name { a = 1 }  supervised { b = 2 } }", "outer {inner name {a = 1}; supervised {b = 2}}"),
        // Commas between settings are free.
        ("train { a = b { x = 1, y = 2, }, c = 3 }", "train {a = b{x = 1; y = 2}; c = 3}"),
        (
            "data { columns = { a = \"b\" }  filter = x > 1 and y }",
            "data {columns = {a = \"b\"}; filter = ((x > 1) and y)}",
        ),
        (
            "test \"t\" { given a = 1 given b expect c == 1 expect d < 2 within 0.1 }",
            "test \"t\" given[a=1 b] expect (c == 1) expect (d < 2) +- 0.1",
        ),
        ("test \"t\" { given domain = code, x.y = -1 expect a }", "test \"t\" given[domain=code x.y=(- 1)] expect a"),
        ("\u{feff}mix { a = 1 }\r\n", "mix {a = 1}"),
        ("mix {\r\n  a = 5\r\n  steps = 2 steps\r\n}\r\n", "mix {a = 5; steps = 2_steps}"),
    ] {
        let file = good(text);
        assert_eq!(file.items.len(), 1, "{text}");
        assert_eq!(file.items.first().map(item).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn expressions_have_their_shape() {
    for (text, expected) in [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b * c", "((a / b) * c)"),
        ("-x ^ 2", "(- (x ^ 2))"),
        ("2 ^ -x", "(2 ^ (- x))"),
        ("a ^ b ^ c", "(a ^ (b ^ c))"),
        ("a * -b + c", "((a * (- b)) + c)"),
        ("- - a", "(- (- a))"),
        ("not a == b and c or d", "(((not (a == b)) and c) or d)"),
        ("a or b and not c", "(a or (b and (not c)))"),
        ("(a + b) * c", "((a + b) * c)"),
        ("if a then b else if c then d else e + 1", "(if a then b else (if c then d else (e + 1)))"),
        ("if if a then b else c then d else e", "(if (if a then b else c) then d else e)"),
        ("1 + if a then b else c", "(1 + (if a then b else c))"),
        ("a >= b given c", "(a >= (b given c))"),
        ("a + b given c >= d", "(((a + b) given c) >= d)"),
        ("(a given b) - c", "((a given b) - c)"),
        ("x given length = 3 tokens", "(x given length=3_tokens)"),
        ("x given s = 1/8 > y given s = -1/4", "((x given s=(1 / 8)) > (y given s=((- 1) / 4)))"),
        ("x given (correct, finished)", "(x given correct finished)"),
        ("x given (length = 3 tokens, s = 1/8) >= 0", "((x given length=3_tokens s=(1 / 8)) >= 0)"),
        ("if a given b then c else d", "(if (a given b) then c else d)"),
        ("0..4", "(0..4)"),
        ("-1..0", "((- 1)..0)"),
        ("0.5..1.5", "(0.5..1.5)"),
        ("a..b + 1", "(a..(b + 1))"),
        ("builtin(\"x\", levels = 1..4)", "builtin(\"x\" levels=(1..4))"),
        ("group.min(length if correct, else = budget.output)", "group.min(length if correct else=budget.output)"),
        ("mean(total, over = last_batch)", "mean(total over=last_batch)"),
        ("f(a == b, c)", "f((a == b) c)"),
        ("f()", "f()"),
        ("f(a,)", "f(a)"),
        ("[]", "[]"),
        ("[1, [2, a], \"x\"]", "[1 [2 a] \"x\"]"),
        ("{ math = 40%, code = 60% }", "{math = 0.4; code = 0.6}"),
        ("gspo { a = 1 b = c { } }", "gspo{a = 1; b = c{}}"),
        ("true", "true"),
        ("true.x", "true.x"),
        ("falsehood", "falsehood"),
        ("domain == code", "(domain == code)"),
        ("a\n  + b\n  // and\n  * c", "(a + (b * c))"),
        ("\"a\\n\\t\\\"\\\\b {x} // no comment\"", "\"a\\n\\t\\\"\\\\b {x} // no comment\""),
        ("exp((max(0, target - history) + eps) / tau)", "exp(((max(0 (target - history)) + eps) / tau))"),
        ("abs(a - b) / 1 token", "(abs((a - b)) / 1_token)"),
        (
            "if truncated then 1\n else if correct then s ^ g\n else w",
            "(if truncated then 1 else (if correct then (s ^ g) else w))",
        ),
    ] {
        let whole = format!("term t = {text}");
        let file = good(&whole);
        assert_eq!(file.items.first().map(item), Some(format!("term t = {expected}")), "{text}");
    }
}

#[test]
fn a_quantity_is_one_token() {
    for (body, expected) in [
        ("updates = 2\nsteps = 100 steps", "updates = 2; steps = 100_steps"),
        ("updates = 2 steps = 100 steps", "updates = 2; steps = 100_steps"),
        ("a = 10 min\nb = min(3, 4)", "a = 10_min; b = min(3 4)"),
        ("a = 16K tokens", "a = 16000_tokens"),
        ("a = 16Ki tokens", "a = 16384_tokens"),
        ("a = 3G", "a = 3000000000"),
        ("a = 2Mi bytes", "a = 2097152_bytes"),
        ("a = 1.5GiB", "a = 1.5_GiB"),
        ("a = 10s", "a = 10_s"),
        ("a = 3e-4", "a = 0.0003"),
        ("a = 40%", "a = 0.4"),
        ("a = 1 token b = 2 ms c = 3 days", "a = 1_token; b = 2_ms; c = 3_days"),
        ("a = 5 // steps\n steps = 3", "a = 5; steps = 3"),
        ("keep = 2 suite aime { a = 1 }", "keep = 2; suite aime {a = 1}"),
        ("keep = 2 supervised { a = 1 }", "keep = 2; supervised {a = 1}"),
        ("keep = 2 override a.b = 3", "keep = 2; override a.b = 3"),
        ("a = b / 1 token == 3", "a = ((b / 1_token) == 3)"),
        ("a = if b > 2 then 1 else 0 c = 1", "a = (if (b > 2) then 1 else 0); c = 1"),
    ] {
        let file = good(&format!("x {{ {body} }}"));
        assert_eq!(items(&file), [format!("x {{{expected}}}")], "{body}");
    }
    assert_eq!(items(&good("param a : integer = 1 param b : integer = 2")).len(), 2);
    assert_eq!(items(&good("param a : integer = 1 domain b { }")).len(), 2);
}

#[test]
fn a_number_keeps_how_it_was_written() {
    let quantity = |text: &str| {
        let file = good(&format!("term t = {text}"));
        let Some(ItemKind::Term(term)) = file.items.into_iter().next().map(|item| item.kind) else { panic!("{text}") };
        let ExprKind::Quantity(quantity) = term.body.body.kind else { panic!("{text}") };
        quantity
    };
    for (text, value, whole, percent, written, unit) in [
        ("16Ki tokens", 16384.0, true, false, "16Ki", Some("tokens")),
        ("40%", 0.4, false, true, "40%", None),
        ("0.5", 0.5, false, false, "0.5", None),
        ("3e4", 3e4, false, false, "3e4", None),
        ("42", 42.0, true, false, "42", None),
        ("1.5K steps", 1500.0, false, false, "1.5K", Some("steps")),
    ] {
        let q = quantity(text);
        assert_eq!(
            (q.value, q.whole, q.percent, q.text.as_str(), q.unit.as_ref().map(|u| u.node.as_str())),
            (value, whole, percent, written, unit),
            "{text}"
        );
    }
}

#[test]
fn comments_and_docs_are_kept() {
    let text = "// one\n/// first\n///   second\n// between\nmix { // two\n  /// of a\n  a = 1\n  /// of b\n  b { c = \"//\" }\n}\n//// three";
    let file = good(text);
    let comments: Vec<&str> = file.comments.iter().map(|c| c.node.as_str()).collect();
    assert_eq!(comments, ["one", "between", "two", "three"]);
    for comment in &file.comments {
        assert!(text[comment.span.start..comment.span.end].starts_with("//"));
        assert!(text[comment.span.start..comment.span.end].ends_with(&comment.node));
    }
    let item = &file.items[0];
    assert_eq!(item.doc.as_ref().map(|d| d.node.as_str()), Some("first\n  second"));
    assert!(text[item.span.start..].starts_with("mix {") && text[..item.span.end].ends_with('}'));
    let ItemKind::Block(block) = &item.kind else { panic!("{item:?}") };
    let docs: Vec<_> = block
        .body
        .iter()
        .map(|entry| match entry {
            Entry::Setting(setting) => setting.doc.as_ref(),
            Entry::Block { doc, .. } => doc.as_ref(),
        })
        .map(|doc| doc.map(|d| d.node.as_str()))
        .collect();
    assert_eq!(docs, [Some("of a"), Some("of b")]);
}

#[test]
fn spans_are_exact() {
    let text = "penalty p = (a + bé) * f(x)  // c\n  where x = 1\n\nmix { k = v { } }\n";
    let text = text.replace('é', "e");
    let file = good(&text);
    let written: Vec<&str> = file.items.iter().map(|item| &text[item.span.start..item.span.end]).collect();
    assert_eq!(written, ["penalty p = (a + be) * f(x)  // c\n  where x = 1", "mix { k = v { } }"]);
    let ItemKind::Term(term) = &file.items[0].kind else { panic!() };
    let ExprKind::Binary { op_span, left, right, .. } = &term.body.body.kind else { panic!() };
    let at = |span: recipec_grammar::Span| &text[span.start..span.end];
    assert_eq!((at(*op_span), at(left.span), at(right.span)), ("*", "(a + be)", "f(x)"));
    assert_eq!(at(term.body.body.span), "(a + be) * f(x)");
}

#[test]
fn an_unindented_recipe_is_read_as_it_is() {
    // Marks inside brackets are only set when brackets do not match.
    let file = good("domain a {\nbudget {\noutput = 1 token\n}\ndata {\n}\n}\ndomain b { }");
    assert_eq!(items(&file), ["domain a {budget {output = 1_token}; data {}}", "domain b {}"]);
}

#[test]
fn an_empty_text_is_an_empty_recipe() {
    for text in ["", " \n", "// only\n", "\u{feff}", "\r\n"] {
        assert!(good(text).items.is_empty());
    }
    assert!(faults("").is_empty() && !read("").lost_text);
}
