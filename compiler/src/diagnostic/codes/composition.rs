//! Codes of putting recipes together and of running them: `compose`, `run`.

use super::{Code, Row, Severity, registry};

registry! {
    SILENT_SHADOW = "recipe::compose::silent_shadow", Error, "a value of the base recipe is set again without `override`",
        what: "The recipe extends another one that has already set this.",
        why: "A reader must see at the place of the change that something is changed.",
        bad: "extends \"base.recipe\"  budget { steps = 10 steps }", good: "extends \"base.recipe\"  budget { override steps = 10 steps }";
    OVERRIDE_OF_NOTHING = "recipe::compose::override_of_nothing", Error, "an `override` where there is nothing to override",
        what: "Nothing of this name is set.",
        why: "The change that was meant would not take place.",
        bad: "variant v { override penalty_weight = 1 }", good: "variant v { override mix.weight = ratio }";
    OVERRIDE_NEEDED = "recipe::compose::override_needed", Error, "a variant or stage sets a value without `override`",
        what: "What stands in a variant replaces something, and says so.",
        why: "The word marks the difference for the reader.",
        bad: "variant v { steps = 10 steps }", good: "variant v { override budget.steps = 10 steps }";
    FILE_NOT_READ = "recipe::compose::file_not_read", Error, "a file that is imported or extended cannot be read",
        what: "The file is missing, or outside of the recipe's folder.",
        why: "Without it the recipe is not complete.",
        bad: "import \"penaltis.recipe\"", good: "import \"penalties.recipe\"";
    BAD_DIGEST = "recipe::compose::bad_digest", Error, "an address without the digest of what is there, or a digest that is none",
        what: "`import` and `extends` of an address name the BLAKE3 of the file behind it; a path below the recipe's folder names none.",
        why: "What somebody else publishes may change any day, and a recipe must not change with it.",
        bad: "import \"https://example.org/penalties.recipe\"", good: "import \"https://example.org/penalties.recipe\" blake3 \"f02a…\"";
    FILE_CYCLE = "recipe::compose::file_cycle", Error, "files that extend or import each other",
        what: "The chain of files comes back to one that is already being read.",
        why: "None of them would be the base.",
        bad: "extends \"itself.recipe\"", good: "extends \"base.recipe\"";
    STAGE_ORDER = "recipe::compose::stage_order", Error, "stages that do not follow each other in one line",
        what: "Each stage but the first names the one stage that it comes after.",
        why: "The weights go from stage to stage; the order of blocks has no meaning.",
        bad: "stage a { }  stage b { }", good: "stage a { }  stage b after a { }";
    TOO_MANY = "recipe::compose::too_many", Error, "more stages, variants or definitions than one recipe can hold",
        what: "Each stage and each variant is a recipe of its own to check, and there is a limit to them as there is to definitions and overrides.",
        why: "A bound keeps the time and the memory of a check small; nothing is left unchecked in silence.",
        bad: "stage s1 { }  stage s2 after s1 { }  … stage s65 after s64 { }", good: "extends \"first_half.recipe\"";
    BAD_SET = "recipe::compose::bad_set", Error, "a `--set` that cannot be understood",
        what: "`--set` takes the name of a param, `=` and a value.",
        why: "Only params are open to the command line; everything else is changed in the recipe, where it can be read.",
        bad: "--set train.group=8", good: "--set gamma=0.5";
    TOO_MANY_POINTS = "recipe::compose::too_many_points", Error, "sweeps with more points than can be checked",
        what: "The points of several sweeps are all combinations of their values, and each of them is checked.",
        why: "A sweep that nobody can run is a mistake in writing, and checking it would take long.",
        bad: "sweep gamma in [0.1, 0.2, …]  sweep scale in [0.1, 0.2, …]  // 17 values each", good: "sweep gamma in [0.25, 0.5, 1.0]  sweep scale in [0.5, 1.0]";
    CANNOT_ALLOW = "recipe::compose::cannot_allow", Error, "`allow` of an error",
        what: "Only warnings can be accepted.",
        why: "A recipe with an error has no meaning that could be run.",
        bad: "allow recipe::ratios::sum_not_one because \"…\"", good: "allow recipe::names::unused because \"…\"";
    NOT_YET = "recipe::run::not_yet", Error, "in the language, but not carried out by this version",
        what: "The text is right; this version of the program cannot do what it says.",
        why: "Leaving it out in silence would train something else.",
        bad: "mix { strategy = deficit … }", good: "mix { weight = ratio … }";
}
