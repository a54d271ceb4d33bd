//! Codes of text and names: `syntax`, `names`, `values`, `units`, `ranges`.

use super::{Code, Row, Severity, registry};

registry! {
    SYNTAX_UNEXPECTED = "recipe::syntax::unexpected", Error, "text that fits nowhere",
        what: "The marked text is no part of the language at this place. It was skipped and reading went on behind it.",
        why: "Text that is skipped in silence would be a setting that its author believes in.",
        bad: "budget { steps: 500 steps }", good: "budget { steps = 500 steps }";
    SYNTAX_MISSING = "recipe::syntax::missing", Error, "something that must stand here is not there",
        what: "An operand, a value, a name or a sign was expected.",
        why: "Guessing what was meant would change what is trained.",
        bad: "train { group = }", good: "train { group = 8 rollouts }";
    SYNTAX_UNCLOSED = "recipe::syntax::unclosed", Error, "a brace, bracket or quote that is never closed",
        what: "The marked sign opens something that has no end.",
        why: "All that follows would belong to it.",
        bad: "budget { steps = 10 steps", good: "budget { steps = 10 steps }";
    SYNTAX_TOO_DEEP = "recipe::syntax::too_deep", Error, "nested deeper, or longer, than the language allows",
        what: "Brackets or operators are nested too deeply to be read, or the recipe has more words than a recipe may have.",
        why: "A bound keeps every later phase safe from text that is made to exhaust it.",
        bad: "((((((…1…))))))", good: "1";
    SYNTAX_BAD_LITERAL = "recipe::syntax::bad_literal", Error, "a number, unit or escape that cannot be read",
        what: "The number has a prefix or unit that does not exist, or the text has an unknown escape.",
        why: "Units are a closed list, so that a misspelt one is found.",
        bad: "budget { output = 16K tokenz }", good: "budget { output = 16K tokens }";
    UNKNOWN_BLOCK = "recipe::names::unknown_block", Error, "a block that the language does not have",
        what: "The word before the brace is not the name of a block.",
        why: "Nothing that is written is ignored.",
        bad: "domian code { ratio = 10% }", good: "domain code { ratio = 10% }";
    UNKNOWN_KEY = "recipe::names::unknown_key", Error, "a key that its block does not have",
        what: "The block has no key of this name.",
        why: "A misspelt key would leave the default in force without a word.",
        bad: "budget { ouput = 16Ki tokens }", good: "budget { output = 16Ki tokens }";
    UNKNOWN_WORD = "recipe::names::unknown_word", Error, "a word that is not among the choices of its key",
        what: "The key takes one of a closed list of words, and this is none of them.",
        why: "Each choice is a different computation; none is a safe guess.",
        bad: "reward { unfinished = judged }", good: "reward { unfinished = as_judged }";
    UNKNOWN_ARGUMENT = "recipe::names::unknown_argument", Error, "an argument that this call does not take",
        what: "The data source, verifier or rule has no argument of this name or at this position.",
        why: "An argument that is not read would be a wish that nobody grants.",
        bad: "verify = math_answer(golden = answer)", good: "verify = math_answer(gold = answer)";
    UNKNOWN_NAME = "recipe::names::unknown_name", Error, "a name that nothing in the recipe has",
        what: "A domain, stage, model, param, variant or term of this name is not defined.",
        why: "A name is a reference; one that leads nowhere cannot mean anything.",
        bad: "stage b after a { }", good: "stage a { }  stage b after a { }";
    UNKNOWN_CODE = "recipe::names::unknown_code", Error, "`allow` names a code that does not exist",
        what: "There is no diagnostic with this code.",
        why: "An `allow` with a typing error would promise to silence something and silence nothing.",
        bad: "allow recipe::penalties::positve because \"…\"", good: "allow recipe::penalties::jumps because \"…\"";
    UNKNOWN_EDITION = "recipe::names::unknown_edition", Error, "an edition that this compiler does not know",
        what: "The edition pins the defaults; this compiler has no such list of defaults.",
        why: "A recipe of a later edition could rest on defaults that are not here.",
        bad: "recipe x { edition = 1999 }", good: "recipe x { edition = 2026 }";
    UNKNOWN_TYPE = "recipe::names::unknown_type", Error, "a type that the language does not have",
        what: "A param is an `integer`, `number`, `ratio` or `reward`, or has the type of a unit such as `tokens`.",
        why: "The type decides what the value may be combined with.",
        bad: "param k : float = 1", good: "param k : number = 1";
    DUPLICATE = "recipe::names::duplicate", Error, "the same thing is defined twice",
        what: "Two definitions have the same name, or one key is set twice.",
        why: "Which of the two is meant cannot be known; block order has no meaning.",
        bad: "domain a { … }  domain a { … }", good: "domain a { … }  domain b { … }";
    MISSING_NAME = "recipe::names::missing_name", Error, "a block that needs a name has none",
        what: "Blocks of this kind are told apart by their name.",
        why: "Metrics, overrides and stages refer to them by name.",
        bad: "domain { ratio = 100% }", good: "domain math { ratio = 100% }";
    UNEXPECTED_NAME = "recipe::names::unexpected_name", Error, "a block that takes no name has one",
        what: "There is only one block of this kind.",
        why: "A name would suggest that several can stand side by side.",
        bad: "budget large { steps = 10 steps }", good: "budget { steps = 10 steps }";
    WRONG_PLACE = "recipe::names::wrong_place", Error, "a block or setting that may not stand here",
        what: "The block belongs inside another one, or at the top of the file.",
        why: "Its place says what it belongs to.",
        bad: "suite aime { … }", good: "evaluate { suite aime { … } }";
    MISSING_BLOCK = "recipe::names::missing_block", Error, "a block that every recipe needs is not there",
        what: "Without it the recipe does not say enough to be run.",
        why: "Frameworks disagree here, so there is no default.",
        bad: "recipe x { edition = 2026 }", good: "recipe x { edition = 2026 }  model policy { … }  …";
    MISSING_KEY = "recipe::names::missing_key", Error, "a key that has no default is not set",
        what: "The key decides something on which frameworks disagree, or that only the author can know.",
        why: "A silent default would be a choice that nobody made.",
        bad: "reward { total = outcome }", good: "reward { total = outcome  unfinished = as_judged }";
    EITHER_OR = "recipe::names::either_or", Error, "two keys of which only one may be set",
        what: "The keys say the same thing in two ways: `verify` and `signals` of a domain, `weight` and `strategy` of the mix. \
               An `override` of one takes the place of the other.",
        why: "Which of the two is meant cannot be known.",
        bad: "mix { weight = ratio  strategy = deficit … }", good: "mix { strategy = deficit … }";
    UNUSED = "recipe::names::unused", Warning, "something is defined and never used",
        what: "No stage, formula or setting reads it.",
        why: "Most often its name is misspelt where it should be used.",
        bad: "penalty p = …  reward { total = outcome }", good: "penalty p = …  reward { total = outcome + p }";
    CYCLE = "recipe::names::cycle", Error, "definitions that need each other",
        what: "Each of the named things needs another of them first.",
        why: "Recipes are total: every formula ends and every stage has a beginning.",
        bad: "stage a after b { }  stage b after a { }", good: "stage a { }  stage b after a { }";
    WRONG_KIND = "recipe::values::wrong_kind", Error, "a value of the wrong kind",
        what: "The key takes a number, a word, a text or a record, and found another of these.",
        why: "The kind of a value is part of its meaning.",
        bad: "train { group = \"eight\" }", good: "train { group = 8 rollouts }";
    WRONG_UNIT = "recipe::units::wrong_unit", Error, "a setting with the wrong unit, or without one",
        what: "The key is counted in one unit and the value has another.",
        why: "`8 groups` and `8 rollouts` differ by the size of a group; a bare `8` says neither.",
        bad: "train { group = 8 }", good: "train { group = 8 rollouts }";
    OUT_OF_RANGE = "recipe::ranges::out_of_range", Error, "a number outside of what its key or type allows",
        what: "The value lies outside the range of its key, param or type.",
        why: "A ratio of 130% or a group of no rollouts has no meaning.",
        bad: "domain a { ratio = 130% }", good: "domain a { ratio = 100% }";
    NOT_WHOLE = "recipe::ranges::not_whole", Error, "a count that is not a whole number",
        what: "Tokens, rollouts, steps and the like are counted.",
        why: "Rounding would be a value that nobody wrote.",
        bad: "train { group = 7.5 rollouts }", good: "train { group = 8 rollouts }";
}
