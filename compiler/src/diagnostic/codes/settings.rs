//! Codes of settings that cannot act, and of data: `settings`, `data`.

use super::{Code, Row, Severity, registry};

registry! {
    CONSTANT_CANCELS = "recipe::settings::constant_cancels", Warning, "a part of the mix weight that changes nothing",
        what: "The part has the same value for every domain. Domains are drawn by their share of the sum of the weights, so a common factor, or a common term inside of `exp`, cancels.",
        why: "A number that looks like a knob and is none wastes the runs in which it is tuned.",
        bad: "mix { weight = exp((gap + eps) / tau) … }", good: "mix { weight = exp(gap / tau) … }";
    CLIP_NEVER_ACTS = "recipe::settings::clip_never_acts", Warning, "a clip range that no importance ratio can leave",
        what: "With one update from each batch and no lag, the policy that learns is the one that sampled: every importance ratio is 1.",
        why: "A clip range that is tuned here is tuned for nothing, and acts on the day `updates` or `max_lag` grows.",
        bad: "train { algorithm = gspo { clip_low = 3e-4 … }  updates = 1  max_lag = 0 steps }",
        good: "train { algorithm = gspo { clip_low = 3e-4 … }  updates = 2 }";
    KL_WITHOUT_GRADIENT = "recipe::settings::kl_without_gradient", Warning, "a KL term whose gradient is zero on average",
        what: "The estimator k1 is the bare log-ratio. Its derivative is that of the log-probability alone; under the policy that sampled, that averages to zero.",
        why: "The term is measured and reported, holds nothing back, and adds noise to every step.",
        bad: "train { kl = k1 { coef = 1e-3 } }", good: "train { kl = k2 { coef = 1e-3 } }";
    REFILL_NEVER_ACTS = "recipe::settings::refill_never_acts", Warning, "a `refill` where no group is ever dropped",
        what: "Batches are drawn again only to replace dropped groups, and nothing drops any.",
        why: "A setting that cannot act was most often meant to.",
        bad: "train { drop = never  refill = 4 }", good: "train { drop = no_advantage  refill = 4 }";
    WARMUP_NEVER_ACTS = "recipe::settings::warmup_never_acts", Warning, "a warm-up of a mix that reads no counts",
        what: "Before the warm-up is over domains are drawn by `ratio`. It lets counts settle that the weight divides by, and this weight reads none.",
        why: "A setting that cannot act was most often meant to.",
        bad: "mix { weight = ratio  warmup = 50 rollouts … }", good: "mix { weight = ratio … }";
    GREEDY_SAMPLING = "recipe::settings::greedy_sampling", Warning, "sampling settings at temperature 0",
        what: "At temperature 0 the most likely token is taken: `top_p`, `top_k` and `min_p` change nothing, and all samples of a problem are the same.",
        why: "Several equal samples cost as much as different ones and say as much as one.",
        bad: "suite s { … samples = 16  sampling = { temperature = 0 } }", good: "suite s { … samples = 16  sampling = { temperature = 0.6 } }";
    IN_FLIGHT_WITHOUT_LAG = "recipe::settings::in_flight_without_lag", Warning, "updates in flight where no rollout may lag",
        what: "With `max_lag = 0 steps` nothing is decoded while the policy learns, so there is no flight in which weights could change.",
        why: "The run is the sequential one; its speed and its results are those of `between_batches`.",
        bad: "train { max_lag = 0 steps }  rollout { update = in_flight }", good: "train { max_lag = 2 steps }  rollout { update = in_flight }";
    FLOOR_NEVER_ACTS = "recipe::settings::floor_never_acts", Warning, "a floor of a learning rate that does not fall",
        what: "A constant schedule stays at the peak; the share that is left at the last step is never looked at.",
        why: "A setting that cannot act was most often meant to.",
        bad: "train { schedule = constant { floor = 0.1 } }", good: "train { schedule = linear { floor = 0.1 } }";
    EVERY_NEVER_ACTS = "recipe::settings::every_never_acts", Warning, "something that is done every so many steps, in stages with fewer",
        what: "No stage is long enough for its first turn.",
        why: "What was to be seen on the way is seen at the ends only.",
        bad: "budget { steps = 100 steps }  evaluate { every = 200 steps … }", good: "budget { steps = 100 steps }  evaluate { every = 20 steps … }";
    NOT_READ_BY_STAGE = "recipe::settings::not_read_by_stage", Warning, "a stage changes what it does not read",
        what: "A supervised stage learns from demonstrations: it has no rollouts, no rewards, no mix and no objective, so it does not read their settings.",
        why: "The change was most often meant for another stage, or for the keys inside of `supervised { … }`.",
        bad: "stage warm_start { override train.optimizer.lr = 1e-4  supervised { … } }", good: "stage warm_start { supervised { optimizer = adamw { lr = 1e-4 } } }";
    LISTED_TWICE = "recipe::data::listed_twice", Warning, "two domains with the same data",
        what: "The source, its split and its configuration are the same, or the files hold the same bytes.",
        why: "Each row is then drawn as often as both shares together say, and the reports count it under two names.",
        bad: "domain a { data = hf(\"x/y\") … }  domain b { data = hf(\"x/y\") … }", good: "domain a { data = hf(\"x/y\") … }  domain b { data = hf(\"x/z\") … }";
    EVALUATED_ON_TRAINING = "recipe::data::evaluated_on_training", Warning, "a suite with the data of a domain",
        what: "The rows that are measured are those that are trained on, or the held-out eighth of them without a word that says so.",
        why: "Accuracy on what was trained on is not accuracy.",
        bad: "domain math { data = hf(\"x/y\", split = \"train\") … }  evaluate { suite s { data = hf(\"x/y\", split = \"train\") … } }",
        good: "domain math { data = hf(\"x/y\", split = \"train\") … }  evaluate { suite s { data = held_out } }";
    TOO_FEW_PROBLEMS = "recipe::data::too_few_problems", Warning, "data with fewer problems than the run draws",
        what: "Rows come again, in another order, when all have been drawn.",
        why: "A problem that comes ten times is remembered rather than solved, and its domain stops teaching.",
        bad: "domain math { problems = 100 problems … }  budget { steps = 400 steps … }", good: "domain math { problems = 129000 problems … }  budget { steps = 400 steps … }";
    UNKNOWN_COLUMN = "recipe::data::unknown_column", Error, "a column that the data does not have",
        what: "The prompt, the verifier or the demonstrations name a column that the rows are known not to have.",
        why: "The prompt would show the name in place of the text, or the verifier would fail on every rollout.",
        bad: "domain math { data = builtin(\"arithmetic\")  verify = math_answer(gold = anwser) }", good: "domain math { data = builtin(\"arithmetic\")  verify = math_answer(gold = answer) }";
    BAD_PROMPT = "recipe::data::bad_prompt", Error, "a prompt with a brace that has no partner",
        what: "`{column}` stands for a column; a brace itself is written twice.",
        why: "Half of a name would be trained on as if it were text.",
        bad: "prompt = \"{problem\"", good: "prompt = \"{problem}\"";
    UNKNOWN_GENERATOR = "recipe::data::unknown_generator", Error, "a built-in generator or a level that does not exist",
        what: "`builtin` takes the name of a generator, and levels that it has.",
        why: "There is nothing to draw problems from.",
        bad: "data = builtin(\"arithmetics\")", good: "data = builtin(\"arithmetic\")";
}
