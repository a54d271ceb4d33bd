"""The generated verl code against the replay buffer of the wheel, with a queue in memory in the place of TransferQueue: groups come in,
get the rewards of the recipe, are dropped and refilled as the recipe says, and move the mix. Arguments: the export, the unpacked wheel."""

import importlib
import importlib.util
import json
import sys
import types

import torch

EXPORT, WHEEL = sys.argv[1:3]
sys.path.insert(0, EXPORT)
TAGS, FIELDS = {"train": {}}, {}


def module(name, **what):
    made = types.ModuleType(name)
    made.__dict__.update(what)
    made.__path__ = []
    sys.modules[name] = made


class KVBatchMeta:
    def __init__(self, partition_id, keys, tags):
        self.partition_id, self.keys, self.tags = partition_id, keys, tags


def kv_clear(partition_id, keys):
    for key in keys:
        TAGS[partition_id].pop(key, None)
        FIELDS.pop(key, None)


def kv_batch_put(keys, partition_id, fields):
    for name in fields.keys():
        for key, value in zip(keys, fields[name].unbind(), strict=True):
            FIELDS[key][name] = value


module(
    "transfer_queue",
    KVBatchMeta=KVBatchMeta,
    kv_clear=kv_clear,
    kv_batch_put=kv_batch_put,
    kv_list=lambda: {partition: dict(tags) for partition, tags in TAGS.items()},
    kv_batch_get=lambda keys, partition_id, select_fields: {f: [FIELDS[k][f] for k in keys] for f in select_fields},
)
for name in ("verl", "verl.experimental", "verl.experimental.reward_loop", "verl.experimental.reward_loop.reward_manager",
             "verl.trainer", "verl.trainer.ppo", "verl.trainer.ppo.v1", "verl.utils", "verl.utils.dataset"):  # fmt: skip
    module(name)


class Manager:
    def __init__(self, config, tokenizer, compute_score):
        self.config, self.tokenizer, self.compute_score = config, tokenizer, compute_score


class Dataset:
    def __init__(self, rows):
        self.dataframe = rows

    def __getitem__(self, at):
        return self.dataframe[at]


class Rows(list):
    def __getitem__(self, at):
        return [row[at] for row in self] if isinstance(at, str) else list.__getitem__(self, at)


class SkipManager:
    @staticmethod
    def annotate_tq(**_):
        return lambda function: function


module("verl.experimental.reward_loop.reward_manager.base", RewardManagerBase=Manager)
module("verl.utils.dataset.rl_dataset", RLHFDataset=Dataset)
module("verl.utils.skip", SkipManager=SkipManager)
spec = importlib.util.spec_from_file_location(
    "verl.trainer.ppo.v1.replay_buffer", f"{WHEEL}/verl/trainer/ppo/v1/replay_buffer.py"
)
buffers = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = buffers
spec.loader.exec_module(buffers)

import recipe_formulas  # noqa: E402
import recipe_lib  # noqa: E402
import recipe_verl  # noqa: E402

RECIPE, MIX = recipe_lib.RECIPE, recipe_lib.MIX
PROMPTS, GROUP = recipe_verl.PROMPTS, RECIPE["group"]


def row(domain, correct, length, truncated=0.0):
    return {
        "length": float(length), "reasoning_length": 0.0, "answer_length": 1.0, "reference_length": float("nan"),
        "prompt_length": 10.0, "correct": float(correct), "wrong": float(not correct), "answered": 1.0, "parsable": 1.0,
        "truncated": truncated, "finished": 1.0 - truncated, "score": float(correct), "failed": 0.0,
        "domain": float(recipe_lib.DOMAINS[domain]["position"]),
    }  # fmt: skip


dataset = recipe_verl.RecipeDataset(
    Rows({"data_source": d, "extra_info": {"part": "train", "index": i}} for d in recipe_lib.DOMAINS for i in range(50))
)
made = [0]


def generate(n, flat=False):
    """A prompt from the data set becomes a finished group; every fourth one is all wrong and short, without an advantage."""
    for _ in range(n):
        uid = f"u{made[0]}"
        domain = dataset[0]["data_source"]
        none = flat or made[0] % 4 == 0
        TAGS["train"][uid] = {"is_prompt": True, "status": "finished", "global_steps": 1}
        for session in range(GROUP):
            key = f"{uid}_{session}_0"
            TAGS["train"][key] = {"status": "success"}
            known = row(domain, False if none else session % 2 == 0, 100 if none else 5000 + 1000 * session)
            FIELDS[key] = {
                "rm_scores": torch.tensor([0.0, 0.0, 1.0]),
                "extra_fields": {"reward_extra_info": {"acc": 0.0, **known}},
            }
        made[0] += 1


def buffer():
    return recipe_verl.RecipeReplayBuffer(
        trainer_mode="sync", trainer_config={}, max_off_policy_threshold=3, max_off_policy_strategy="drop",
        sampler_kwargs={}, poll_interval=0.0, refill_fn=generate,
    )  # fmt: skip


def main():
    replay = buffer()
    generate(PROMPTS)
    batch, metrics = replay.sample(1, "train", PROMPTS)
    uids = {key.split("_")[0] for key in batch.keys}
    assert len(uids) == PROMPTS and len(batch.keys) == PROMPTS * GROUP, (len(uids), len(batch.keys))
    assert made[0] > PROMPTS, "groups without an advantage are replaced"
    assert all(int(uid[1:]) % 4 != 0 for uid in uids), "a dropped group is not trained"
    key = sorted(batch.keys)[0]
    uid, session = key.split("_")[0], int(key.split("_")[1])
    domain = RECIPE["domains_by_position"][int(FIELDS[key]["extra_fields"]["reward_extra_info"]["domain"])]["name"]
    group = [row(domain, at % 2 == 0, 5000 + 1000 * at) for at in range(GROUP)]
    for one in group:
        one.update({"solve_rate": 0.5, "group_size": float(GROUP), "budget.output": float(RECIPE["output"])})
    recipe_formulas.rewards(group)
    scores = FIELDS[key]["rm_scores"].tolist()
    assert scores[:-1] == [0.0, 0.0] and abs(scores[-1] - group[session]["total"]) < 1e-6, (scores, group[session]["total"])
    completed = sum(of["completed"]["groups"] for of in MIX.counts.values())
    trained = sum(of["trained"]["groups"] for of in MIX.counts.values())
    sampled = sum(of["sampled"]["groups"] for of in MIX.counts.values())
    assert (sampled, trained) == (made[0], PROMPTS) and PROMPTS < completed <= made[0], (sampled, completed, trained)
    assert abs(sum(metrics[f"recipe/mix/{name}"] for name in MIX.names) - 1.0) < 1e-9
    # Where nothing has an advantage, the draws end after `refill` batches and what is left fills the batch without a gradient.
    kv_clear("train", list(TAGS["train"]))
    before = made[0]
    replay.refill_fn = lambda n: generate(n, flat=True)
    generate(PROMPTS, flat=True)
    batch, _ = replay.sample(2, "train", PROMPTS)
    drawn = made[0] - before
    assert len({key.split("_")[0] for key in batch.keys}) == PROMPTS
    assert PROMPTS * RECIPE["refill"] < drawn <= PROMPTS * (RECIPE["refill"] + 3), drawn
    assert all(FIELDS[key]["rm_scores"].tolist()[-1] == 0.0 for key in batch.keys)
    state = json.loads(json.dumps(dataset.state_dict()))
    MIX.restore(json.loads(state["mix"]))
    print(f"{made[0]} groups: rewards, drops, refills and the mix are the recipe's")


main()
