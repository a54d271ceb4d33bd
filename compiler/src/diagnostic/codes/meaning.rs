//! Codes of what a recipe means: `ratios`, `rollouts`, `penalties`, `guarantees`, `tests`, `budgets`.

use super::{Code, Row, Severity, registry};

registry! {
    RATIOS_SUM_NOT_ONE = "recipe::ratios::sum_not_one", Error, "domain ratios that do not add up to 100%",
        what: "The shares of the domains of a stage must add up to the whole.",
        why: "Sharing out the rest in silence would train a mix that nobody wrote.",
        bad: "domain a { ratio = 70% }  domain b { ratio = 50% }", good: "domain a { ratio = 50% }  domain b { ratio = 50% }";
    RATIOS_MISSING = "recipe::ratios::missing", Error, "a domain without a ratio where the mix reads it",
        what: "`mix.weight` reads `ratio`, or another domain states one, and this domain has none.",
        why: "A domain without a share would be drawn as often as the others leave room for.",
        bad: "domain a { data = …  verify = … }", good: "domain a { ratio = 100%  data = …  verify = … }";
    BATCH_NOT_WHOLE_GROUPS = "recipe::rollouts::batch_not_whole_groups", Error, "a batch that is not a whole number of groups",
        what: "A batch is filled by groups; its size must be a multiple of the group.",
        why: "A cut group has no baseline, and a rounded batch is not what was written.",
        bad: "train { group = 8 rollouts  batch = 500 rollouts }", good: "train { group = 8 rollouts  batch = 496 rollouts }";
    BATCH_NOT_SPLIT_EVENLY = "recipe::rollouts::batch_not_split_evenly", Error, "a batch that cannot be cut into its updates",
        what: "Each of the `updates` of a batch takes the same number of groups.",
        why: "A shorter last update would have another weight than the others.",
        bad: "train { group = 8 rollouts  batch = 256 rollouts  updates = 3 }", good: "train { group = 8 rollouts  batch = 256 rollouts  updates = 4 }";
    GROUP_OF_ONE = "recipe::rollouts::group_of_one", Error, "a group of one under a baseline that compares rollouts",
        what: "A group baseline compares the rollouts of one prompt; one rollout has nothing to be compared with.",
        why: "Its advantage would be zero (group mean) or the bare reward (leave one out), and training would go on without a word.",
        bad: "train { group = 1 rollout }", good: "train { group = 8 rollouts }";
    NO_RATIO = "recipe::rollouts::no_ratio", Error, "rollouts of other weights under an objective without an importance ratio",
        what: "`rloo` weighs every token alike, whatever weights sampled it; from the second update of a batch on, or with a lag, these are not the weights that are trained.",
        why: "The gradient would be that of another policy, and training would go on without a word.",
        bad: "train { algorithm = rloo { weight = length }  updates = 4 }", good: "train { algorithm = grpo { weight = length, baseline = leave_one_out, divide_by_std = false }  updates = 4 }";
    BIASED_RATIO = "recipe::rollouts::biased_ratio", Error, "training rollouts drawn from a cut distribution",
        what: "With `top_p`, `top_k` or `min_p` the rollouts come from another distribution than the one in the importance ratio.",
        why: "The ratio is then biased unless the mask is replayed, which this version does not do.",
        bad: "rollout { top_p = 0.9 }", good: "rollout { top_p = 1 }";
    PENALTY_POSITIVE = "recipe::penalties::positive", Error, "a penalty that can be above zero",
        what: "A penalty takes away: its value is at most 0 and it is added to the reward. Decided over the whole ranges of the params; where that fails it is a warning.",
        why: "One sign, stated once, so that nobody subtracts a negative number.",
        bad: "penalty p = length / budget.output", good: "penalty p = -length / budget.output";
    PENALTY_UNBOUNDED = "recipe::penalties::unbounded", Error, "a penalty without a lower bound",
        what: "The range of the formula has no lower end.",
        why: "A single rollout could then outweigh everything else in its batch.",
        bad: "penalty p = log(score)", good: "penalty p = log(max(score, 0.01))";
    PENALTY_DIVIDED_BY_STD = "recipe::penalties::divided_by_std", Warning, "a length penalty whose advantages are divided by the standard deviation",
        what: "In a group of equal verdicts only the penalty spreads, and the division blows it up to full size.",
        why: "The policy then learns to be short before it learns to be right.",
        bad: "algorithm = gspo { divide_by_std = true … }", good: "algorithm = gspo { divide_by_std = false … }";
    PENALTY_NEVER_ACTS = "recipe::penalties::never_acts", Warning, "a penalty that is zero whatever the rollout",
        what: "It is proved that no rollout changes it: a factor is 0, or the output cap lies below where it starts.",
        why: "What can never act was most often meant to.",
        bad: "penalty p = 0 * length / budget.output", good: "penalty p = -length / budget.output";
    PENALTY_RISES = "recipe::penalties::rises", Warning, "a penalty that takes less from a longer rollout",
        what: "With all other signals held, the penalty never falls in `length`, and rises somewhere. A penalty with a target, which falls on one side and rises on the other, is not meant.",
        why: "Tokens would be paid for: the difference in the formula is nearly always turned around.",
        bad: "penalty p = length / budget.output - 1", good: "penalty p = -length / budget.output";
    PENALTY_CAN_INVERT = "recipe::penalties::can_invert", Warning, "a wrong answer that can be worth more than a right one",
        what: "There are two rollouts of one group, one right and one wrong, of which the wrong one is worth more.",
        why: "The policy would be paid for being wrong. Partial credit together with a length term does this, in published rewards too: then accept it with a reason.",
        bad: "penalty p = -2 * length / budget.output", good: "penalty p = -0.5 * length / budget.output";
    PENALTY_JUMPS = "recipe::penalties::jumps", Warning, "a penalty with a jump in `length`",
        what: "One more token changes the penalty by a finite amount, all other signals held.",
        why: "Around that length, one token is worth as much as a thousand, and advantages are noise.",
        bad: "penalty p = if length > 100 tokens then -1 else 0", good: "penalty p = -ramp(length, 80 tokens, 100 tokens)";
    GUARANTEE_BAD_CLAIM = "recipe::guarantees::bad_claim", Error, "a guarantee whose claim cannot be read",
        what: "A guarantee compares two values, or says that a value stays in a range, falls or rises.",
        why: "Only these claims can be decided.",
        bad: "guarantee g : total + 1", good: "guarantee g : total >= -1";
    GUARANTEE_REFUTED = "recipe::guarantees::refuted", Error, "a guarantee that does not hold",
        what: "There are rollouts for which the claim is false; the message names them with all their numbers, as the evaluator computes them.",
        why: "A promise that does not hold is worse than none: others build on it.",
        bad: "penalty p = -2 * length / budget.output  guarantee bounded : p in -1..0", good: "penalty p = -length / budget.output  guarantee bounded : p in -1..0";
    GUARANTEE_NOT_DECIDED = "recipe::guarantees::not_decided", Warning, "a guarantee that is neither proved nor refuted",
        what: "No proof was found within the bound on work, and no rollouts that break the claim.",
        why: "A silent pass would look like a proof. The claim may be true and touch equality, or be too hard.",
        bad: "guarantee tight : exp(score) - 1 >= score", good: "guarantee loose : exp(score) >= score";
    TEST_OPEN_SIGNAL = "recipe::tests::open_signal", Error, "a test that leaves open what its expectation reads",
        what: "The expectation reads a signal that `given` does not set.",
        why: "A value made up for it could make the test pass or fail by accident.",
        bad: "test \"t\" { given correct  expect p == 0 }", good: "test \"t\" { given correct, length = 5 tokens  expect p == 0 }";
    TEST_BAD_EXPECTATION = "recipe::tests::bad_expectation", Error, "an expectation that is not a comparison",
        what: "`expect` takes a comparison of two values.",
        why: "A test must be able to say both values when it fails.",
        bad: "expect p + 1", good: "expect p == -1";
    BUFFER_NOT_BELOW_OUTPUT = "recipe::budgets::buffer_not_below_output", Error, "a buffer that is larger than the output cap",
        what: "The buffer is the last part of the output; it cannot be longer than the whole.",
        why: "The penalty would begin before the first token.",
        bad: "budget { output = 1K tokens  buffer = 2K tokens }", good: "budget { output = 2K tokens  buffer = 1K tokens }";
    EVALUATION_BELOW_OUTPUT = "recipe::budgets::evaluation_below_output", Warning, "an evaluation cap below the training cap",
        what: "Answers that were learnt in training are cut in evaluation.",
        why: "The measured accuracy would be that of another setting.",
        bad: "budget { output = 2K tokens  evaluation = 1K tokens }", good: "budget { output = 2K tokens  evaluation = 4K tokens }";
    OVER_CONTEXT = "recipe::budgets::over_context", Error, "prompt and output that do not fit into the model's context",
        what: "The longest prompt and the longest response together are longer than what the model reads.",
        why: "The last part of the output could never be reached.",
        bad: "model policy { context = 256 tokens … }  budget { prompt = 200 tokens  output = 100 tokens }",
        good: "model policy { context = 256 tokens … }  budget { prompt = 100 tokens  output = 100 tokens }";
    NO_END = "recipe::budgets::no_end", Error, "a stage that nothing ends",
        what: "Neither `steps` nor, for the whole run, `tokens` or `time` limits it.",
        why: "A run without a budget ends when someone notices.",
        bad: "budget { output = 1K tokens }", good: "budget { output = 1K tokens  steps = 400 steps }";
    WARMUP_OVER_STEPS = "recipe::budgets::warmup_over_steps", Warning, "a warm-up that is longer than its stage",
        what: "The learning rate never reaches the value that was written.",
        why: "A setting that is never in force was most often meant to be.",
        bad: "budget { steps = 20 steps }  train { schedule = cosine { warmup = 50 steps } }",
        good: "budget { steps = 400 steps }  train { schedule = cosine { warmup = 50 steps } }";
    NEGATIVE_WEIGHT = "recipe::ratios::negative_weight", Error, "a weight of the mix that can be negative, or is always 0",
        what: "Domains are drawn by their share of the sum of the weights.",
        why: "A share of a sum with negative parts is no chance; with all weights 0 there is no domain to draw.",
        bad: "mix { weight = ratio - achieved … }", good: "mix { weight = max(ratio - achieved, 1e-3) … }";
    GROUP_TOO_SMALL = "recipe::rollouts::group_too_small", Warning, "groups too small for the solve rate that a formula asks for",
        what: "A group of 4 has the solve rates 0, 1/4, 1/2, 3/4 and 1. The formula tells solve rates apart that no group of this size has.",
        why: "A case that never happens is a rule that its author believes in.",
        bad: "train { group = 4 rollouts }  penalty p = if solve_rate > 0.9 then … else …", good: "train { group = 16 rollouts }  penalty p = if solve_rate > 0.9 then … else …";
    BUFFER_WITHOUT_ROOM = "recipe::penalties::no_buffer", Warning, "a formula that reads `budget.buffer` where the buffer is 0",
        what: "The soft zone below the cap has no tokens, so a penalty over it has nowhere to rise: it divides by zero, or never acts.",
        why: "In other systems such a penalty is switched off without a word.",
        bad: "budget { output = 1K tokens }  penalty p = -ramp(length, budget.output - budget.buffer, budget.output)",
        good: "budget { output = 1K tokens  buffer = 256 tokens }  penalty p = -ramp(length, budget.output - budget.buffer, budget.output)";
    EVALUATION_OVER_CONTEXT = "recipe::budgets::evaluation_over_context", Error, "an evaluation that does not fit into the model's context",
        what: "The longest prompt and the longest response of an evaluation together are longer than what the model reads.",
        why: "The last part of the output could never be reached, and the accuracy at that cap would be another one's.",
        bad: "model policy { context = 256 tokens … }  budget { prompt = 64 tokens  output = 96 tokens  evaluation = 256 tokens }",
        good: "model policy { context = 256 tokens … }  budget { prompt = 64 tokens  output = 96 tokens  evaluation = 192 tokens }";
    DOMAIN_OVER_OUTPUT = "recipe::budgets::domain_over_output", Error, "a domain whose cap is above `budget.output`",
        what: "`budget.output` is the hard cap of every training rollout; a domain may have a lower one.",
        why: "Formulas and guarantees take `length` to be at most `budget.output`.",
        bad: "budget { output = 1K tokens }  domain code { output = 2K tokens … }", good: "budget { output = 2K tokens }  domain math { output = 1K tokens … }";
    TOKENS_BELOW_BATCH = "recipe::budgets::tokens_below_batch", Error, "a token budget that is smaller than one batch",
        what: "Each rollout has at least one token, and a batch has more rollouts than the whole run has tokens.",
        why: "The run would end with its first step.",
        bad: "budget { tokens = 100 tokens … }  train { batch = 256 rollouts }", good: "budget { tokens = 10M tokens … }  train { batch = 256 rollouts }";
    TOKENS_END_EARLY = "recipe::budgets::tokens_end_early", Warning, "tokens that end long before the steps",
        what: "If responses reach the cap, the token budget is used up within a tenth of the steps.",
        why: "Schedules follow `steps`: a learning rate that falls over 400 steps has hardly fallen when the run ends at 30.",
        bad: "budget { output = 16Ki tokens  steps = 400 steps  tokens = 10M tokens }", good: "budget { output = 16Ki tokens  steps = 400 steps  tokens = 3G tokens }";
    NEVER_REACHED = "recipe::budgets::never_reached", Warning, "a token budget that the steps cannot use up",
        what: "All steps, with every response at the cap and every batch refilled as often as it may, generate fewer tokens than the budget holds.",
        why: "A limit that cannot be reached limits nothing; most often one of the numbers has a wrong prefix.",
        bad: "budget { output = 96 tokens  steps = 20 steps  tokens = 3G tokens }", good: "budget { output = 96 tokens  steps = 20 steps  tokens = 300K tokens }";
}
