//! Codes of a run that failed, and of a graph that cannot run: `run`, `graph`. They come from the runtime and the graph, never from a
//! check; the rows are here so that `recipec explain CODE` and the book know them.

use super::{Code, Row, Severity, registry};

registry! {
    EXPORT_NOT_REPRESENTABLE = "recipe::export::not_representable", Error, "another engine cannot say what the recipe says",
        what: "`recipec export` found an item of the recipe for which the target has neither a key nor a place for generated code.",
        why: "What is left out silently is found in a curve, after it was paid for.",
        bad: "recipec export a.recipe --to trl@1 --out trl  // a judge, or a drop that only a run knows", good: "another target, another setting, or `--allow-lossy`, which leaves it out and says so in lowering.json";
    PACK_REFUSED = "recipe::pack::refused", Error, "a pack that is not what was packed, or a recipe that cannot be packed",
        what: "A digest, a length, a header or the order of the files differs from the manifest; or a file that the recipe names is missing or outside of its folder. The message names which.",
        why: "Whoever unpacks gets exactly what was packed, or nothing.",
        bad: "recipec unpack a.recipec  // after a byte was changed", good: "recipec unpack a.recipec --digest HEX";
    RUN_IO = "recipe::run::io", Error, "a file of the run cannot be written or read",
        what: "The run folder, or a file in it, could not be used: the disk is full, or the folder is not yours.",
        why: "What was written before is intact; a run never goes on without its record.",
        bad: "recipec run a.recipe --runs /proc", good: "recipec run a.recipe --runs runs";
    RUN_DAMAGED_FILE = "recipe::run::damaged_file", Error, "a file of the run folder is not what was written",
        what: "A digest differs, a file is missing, or a line cannot be read.",
        why: "Going on from damaged weights would train something else.",
        bad: "a checkpoint with a changed byte", good: "delete that checkpoint folder and resume: the one before it is used";
    RUN_OTHER_PLAN = "recipe::run::other_plan", Error, "the run folder belongs to another plan",
        what: "The checkpoint was made by a plan with another fingerprint.",
        why: "A run is one plan from its first step to its last.",
        bad: "a run folder whose plan.json was replaced", good: "resume with the plan that began the run, or begin a new run";
    RUN_LOCKED = "recipe::run::locked", Error, "something outside of the recipe is not what its lock says",
        what: "The recipe, a file of rows, a file of a model, the program or the Python of the sandbox differs from the lock; each difference is named.",
        why: "`--locked` promises the same inputs as when the lock was written.",
        bad: "recipec run --locked a.recipe  // after a row was changed", good: "put the row back, or write a new lock with `recipec lock a.recipe`";
    RUN_NO_LOCK = "recipe::run::no_lock", Error, "there is no lock to hold the recipe to",
        what: "`--locked` looks for `a.lock` beside `a.recipe`, and for `a-VARIANT.lock` of a variant.",
        why: "Without a lock nothing is promised, and to go on would look as if it were.",
        bad: "recipec run --locked a.recipe", good: "recipec lock a.recipe";
    RUN_BAD_LOCK = "recipe::run::bad_lock", Error, "a lock that cannot be read",
        what: "The file is cut, was edited, or is of another version; the message has the line.",
        why: "A lock is held to as a whole or not at all.",
        bad: "a lock with a conflict of a merge in it", good: "recipec lock a.recipe";
    RUN_OTHER_INPUTS = "recipe::run::other_inputs", Error, "the run began with another recipe, other inputs, another program or another kind of machine",
        what: "What the run folder or the checkpoint was made with is not what is there now; each difference is named.",
        why: "A resumed run ends with the bits of one that was left alone; with other inputs it could not.",
        bad: "recipec resume RUN  // after a row of its data was changed", good: "put the row back; or `recipec fork RUN@STEP`, which begins another run with the same weights";
    RUN_MEMORY = "recipe::run::memory", Error, "decoding at the cap needs more memory than there is",
        what: "Keys and values of all slots, at the longest prompt and the cap, do not fit into the memory that is free.",
        why: "A run that dies when responses grow long has wasted the steps before.",
        bad: "slots = 4096 rollouts", good: "slots = 256 rollouts";
    RUN_REPLAY_DIFFERS = "recipe::run::replay_differs", Error, "a replay does something else than the run did",
        what: "The first line of metrics, evaluation, reward or weight that is not the same is named, with its step and stage.",
        why: "On one kind of machine the same program, plan and inputs give the same bits.",
        bad: "a run folder whose metrics were edited", good: "the run folder as the run left it";
    RUN_CANNOT_FORK = "recipe::run::cannot_fork", Error, "a run cannot begin with this checkpoint",
        what: "The run keeps no checkpoint of that step, or the recipe asks for a model of another shape.",
        why: "Weights are taken over whole or not at all.",
        bad: "recipec fork RUN@7  // of a run that keeps every hundredth step", good: "recipec fork RUN@100";
    RUN_MISSING_SIGNAL = "recipe::run::missing_signal", Error, "a formula reads a signal that this run cannot give",
        what: "The signal is of the language, and the data or this version has no value for it.",
        why: "It is found before the first step, when nothing has been spent.",
        bad: "a formula that reads `reference_length` of data without references", good: "a formula over signals that the data has";
    RUN_FORMULA_NOT_FINITE = "recipe::run::formula_not_finite", Error, "a formula gave something that is no number",
        what: "A division by almost zero, or an overflow, gave NaN or infinity; the message names the rollout and its values.",
        why: "A reward that is no number would spoil every weight of the policy.",
        bad: "total = outcome / score", good: "total = outcome / max(score, 1e-9)";
    RUN_BAD_WEIGHTS = "recipe::run::bad_weights", Error, "the weights of the mix are no weights",
        what: "They are negative, not finite, or all zero.",
        why: "There is no domain to draw.",
        bad: "weight = ratio - achieved", good: "weight = max(ratio - achieved, 1e-3)";
    RUN_VERIFIERS_FAIL = "recipe::run::verifiers_fail", Error, "verifiers failed on more than 5% of a batch or an evaluation",
        what: "A verifier's own failure is asked once more, then its rollout leaves the group; here it happened too often.",
        why: "A failure is never a reward, and with many of them the groups say little.",
        bad: "data whose columns do not fit the verifier", good: "data with the columns that the verifier names";
    RUN_NO_SIGNAL = "recipe::run::no_signal", Error, "batch after batch without anything to learn from",
        what: "No group of many batches in a row had an advantage.",
        why: "Steps without gradient only cost time.",
        bad: "problems that are always solved, or never", good: "levels at which some rollouts of a group are right";
    RUN_BAD_PROMPT = "recipe::run::bad_prompt", Error, "a prompt that the model cannot read",
        what: "A character without token, a brace without partner, or prompts longer than the budget.",
        why: "A prompt that is changed in silence is another problem.",
        bad: "prompt = \"{problem\"", good: "prompt = \"{problem}\"";
    RUN_DATA = "recipe::run::data", Error, "data cannot be opened",
        what: "The generator, its levels, or the file is not there.",
        why: "It is found before the first step.",
        bad: "data = builtin(\"arithmetics\")", good: "data = builtin(\"arithmetic\")";
    RUN_VERIFIER = "recipe::run::verifier", Error, "a verifier cannot be made",
        what: "It needs something that is not there, or an argument does not fit.",
        why: "It is found before the first step; untrusted code is never run bare.",
        bad: "verify = python_tests()  // where namespaces are forbidden", good: "verify = python_tests(remote = \"http://sandbox:8080\")";
    RUN_CHECKPOINT = "recipe::run::checkpoint", Error, "the files of a model cannot be used",
        what: "An architecture or a key that is not carried out, weights that are cut short, missing or of another shape, a tokenizer with more ids than the embedding has rows, a chat template that raises.",
        why: "A model that is read nearly right trains nearly wrong: what changes the computation is read or refused, by file and key.",
        bad: "source = folder(\"base\")  // its `config.json` says `\"hidden_act\": \"gelu\"`", good: "source = folder(\"base\")  // `\"hidden_act\": \"silu\"`";
    RUN_MODEL = "recipe::run::model", Error, "the model failed",
        what: "A tensor operation, a gradient that is not finite, or a file of weights that does not fit.",
        why: "The last checkpoint is intact.",
        bad: "a learning rate at which the weights overflow", good: "a lower learning rate, or `clip_norm = 1.0`";
    RUN_PLAN = "recipe::run::plan", Error, "the plan cannot be walked",
        what: "A node needs another one that is not in the plan.",
        why: "A plan that the compiler made always can be walked: this one was edited, or there is a defect.",
        bad: "a plan without its sampler", good: "a plan as the compiler made it";
    GRAPH_TYPE_MISMATCH = "recipe::graph::type_mismatch", Error, "two nodes are joined whose ports do not match",
        what: "What the first gives is not what the second takes.",
        why: "A recipe that was checked cannot cause it; it is a defect of the compiler.",
        bad: "a filter that gives advantages", good: "a filter that gives kept groups";
    GRAPH_UNCONNECTED_PORT = "recipe::graph::unconnected_port", Error, "a node does not get what it needs",
        what: "A required input has no edge.",
        why: "A recipe that was checked cannot cause it; it is a defect of the compiler.",
        bad: "a filter without advantages", good: "a filter behind the advantages";
    GRAPH_CYCLE = "recipe::graph::cycle", Error, "the graph goes round in a circle",
        what: "Each node of the circle needs the one before it; only the marked edges may close a loop.",
        why: "A recipe that was checked cannot cause it; it is a defect of the compiler.",
        bad: "a needs b needs a", good: "weights back to the rollouts by a marked edge";
    GRAPH_DUPLICATE_NODE = "recipe::graph::duplicate_node", Error, "two nodes of a stage have the same name",
        what: "Names of nodes are unique within a stage.",
        why: "A recipe that was checked cannot cause it; it is a defect of the compiler.",
        bad: "two nodes `loss`", good: "one node `loss`";
}
