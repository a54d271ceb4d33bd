"""What scripts/validate-export does; PIPELINERL may name a checkout of PipelineRL. It needs trl, pyarrow, hydra-core, omegaconf and tensordict, and fetches the wheel of verl without what it
depends on."""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECIPEC = os.path.join(ROOT, "target", "debug", "recipec")
TABLE = os.path.join(ROOT, "compiler", "src", "export", "keys.rs")
VERL = "verl>=0.9,<0.10"


def export(recipe, target, out, *more):
    command = [RECIPEC, "export", os.path.join(ROOT, "recipes", recipe), "--to", target, "--out", out, *more]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def said(ok, what):
    print(f"{'ok  ' if ok else 'FAIL'} {what}", flush=True)
    if not ok:
        sys.exit(1)


def command_of(folder):
    """The arguments of the command that launch.sh ends in, caught by a `python` of our own."""
    with tempfile.TemporaryDirectory() as tools:
        fake = os.path.join(tools, "python")
        with open(fake, "w") as file:
            file.write(
                f"#!{sys.executable}\nimport json, sys\n"
                "if sys.argv[1] == '-m': json.dump(sys.argv[1:], open(%r, 'w'))\n" % os.path.join(tools, "said")
            )
        os.chmod(fake, 0o755)
        environment = {**os.environ, "PATH": tools + ":" + os.environ["PATH"]}
        subprocess.run(["bash", os.path.join(folder, "launch.sh")], check=True, env=environment)
        with open(os.path.join(tools, "said")) as file:
            return json.load(file)


def verl(folder, work):
    wheels = os.path.join(work, "wheels")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", wheels, VERL], check=True
    )
    (wheel,) = os.listdir(wheels)
    place = os.path.join(work, "verl")
    with zipfile.ZipFile(os.path.join(wheels, wheel)) as file:
        file.extractall(place)
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    overrides = command_of(folder)[2:]
    configuration = os.path.join(place, "verl", "trainer", "config")
    with initialize_config_dir(config_dir=configuration, version_base=None):
        composed = compose("ppo_trainer", overrides=overrides)
        said(True, f"{wheel} composes with {len(overrides)} overrides and no unknown key")
        try:
            compose("ppo_trainer", overrides=[*overrides, "trainer.no_such_key=1"])
            said(False, "an unknown key is refused")
        except HydraException:
            said(True, "an unknown key is refused")
    wrong = []
    for override in overrides:
        key, _, value = override.lstrip("+").partition("=")
        node = OmegaConf.select(composed, key)
        if node is None:
            wrong.append(override)
    said(not wrong, f"every override is in the composed configuration {wrong}")
    table = dict(re.findall(r'row\("(\+?[a-z][\w.*]*)", "?([^")]*)', open(TABLE).read()))
    unread = []
    sources = {}
    for folder_, _, names in os.walk(os.path.join(place, "verl")):
        for name in names:
            if name.endswith((".py", ".yaml")):
                with open(os.path.join(folder_, name), errors="replace") as file:
                    sources[os.path.join(folder_, name)] = file.read()
    python = "\n".join(text for path, text in sources.items() if path.endswith(".py"))
    for override in overrides:
        key = override.partition("=")[0]
        last = key.rsplit(".", 1)[1]
        if not key.startswith("+ray_kwargs") and not re.search(rf"\b{re.escape(last)}\b", python):
            unread.append(key)
    said(not unread, f"the last word of every key is in verl's Python {unread}")
    from datasets import load_dataset

    out = os.path.join(work, "quick-verl")
    export("quickstart.recipe", "verl@0.9", out, "--from", "x/y", "--allow-lossy")
    rows = load_dataset("parquet", data_files=os.path.join(out, "data/train/math.parquet"), cache_dir=os.path.join(work, "cache"))["train"]
    first = rows[0]
    ok = first["prompt"][0]["role"] == "user" and first["data_source"] == "math" and len(rows) > 1000
    ok = ok and "answer" in json.loads(first["reward_model"]["ground_truth"]) and first["extra_info"]["part"] == "train"
    ok = ok and [row["index"] for row in rows["extra_info"]] == list(range(len(rows)))
    said(ok, f"datasets reads {len(rows)} problems of the parquet file in verl's columns")


def replay_buffer(folder, work):
    script = os.path.join(ROOT, "scripts", "validate_export_verl.py")
    command = [sys.executable, script, folder, os.path.join(work, "verl")]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        print(ran.stderr)
    said(ran.returncode == 0, f"the generated buffer in verl's own: {ran.stdout.strip()}")


def pipelinerl(folder):
    import yaml

    with open(os.path.join(folder, "recipe.yaml")) as file:
        found = yaml.safe_load(file)
    table = open(TABLE).read()
    table = table[table.index("const PIPELINERL") : table.index("const TRAINER")]
    known = re.findall(r'row\("([^"]+)"', table)

    def keys(node, above=""):
        for key, value in node.items():
            path = f"{above}{key}"
            if isinstance(value, dict):
                yield from keys(value, path + ".")
            elif key != "defaults":
                yield path

    unknown = [k for k in keys(found) if k not in known and re.sub(r"[^.]+$", "*", k) not in known]
    said(not unknown, f"all {len(list(keys(found)))} keys of the PipelineRL configuration are in the table {unknown}")
    said(abs(sum(found["actor"]["domain_mix"].values()) - 1.0) < 1e-9, "the mix of PipelineRL adds up to 1")
    checkout = os.environ.get("PIPELINERL")
    if not checkout:
        print("     PIPELINERL names no checkout: its own configuration was not composed")
        return
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    search = f"hydra.searchpath=[file://{os.path.abspath(checkout)}/conf]"
    with initialize_config_dir(config_dir=folder, version_base="1.3.2"):
        composed = compose("recipe", overrides=[search, "output_dir=results/x"])
    python = ""
    for place, _, names in os.walk(os.path.join(checkout, "pipelinerl")):
        for name in names:
            if name.endswith(".py"):
                with open(os.path.join(place, name), errors="replace") as file:
                    python += file.read()
    absent = [k for k in keys(found) if OmegaConf.select(composed, k) is None]
    # Domains of the mix and options of vLLM are handed on by name.
    handed = ("actor.domain_mix.", "vllm_config.", "llm.", "test_llm.")
    unread = [k for k in keys(found) if not k.startswith(handed) and not re.search(rf"\b{k.rsplit('.', 1)[-1]}\b", python)]
    said(not absent and not unread, f"PipelineRL's own configuration composes, and its Python reads every key {absent + unread}")


TRAIN = """
import json, os, sys
sys.path.insert(0, os.getcwd())
import train
args = train.config(use_cpu=True, max_steps=2)
ready = train.trainer(use_cpu=True, max_steps=2, output_dir=sys.argv[1], eval_strategy="no", eval_on_start=False)
seen = []
rewards = ready.reward_funcs[0]
call = rewards.__call__
class Watched(type(rewards)):
    def __call__(self, prompts, completions, completion_ids, domain, columns, **more):
        given = super().__call__(prompts, completions, completion_ids, domain, columns, **more)
        for at, row in enumerate(self.last):
            seen.append({"domain": domain[at], "columns": json.loads(columns[at]), "text": self.decode(completion_ids[at]), "row": row, "reward": given[at]})
        return given
rewards.__class__ = Watched
ready.train()
json.dump({"seen": seen, "steps": ready.state.global_step, "mix": train.MIX.probabilities(), "state": train.MIX.state()}, open(sys.argv[2], "w"))
"""


def native(seen):
    """What `recipec verify` says of the same answers, and what the recipe's own formulas make of it, written here by hand."""
    by_domain = {}
    for at, one in enumerate(seen):
        by_domain.setdefault(one["domain"], []).append(at)
    verifiers = {"math": "math_answer", "code": "program_tests", "logic": "puzzle", "instruct": "constraints", "tools": "function_calls"}
    arguments = {"math": ["extract=whole", "gold=answer"], "code": ["tests=tests"], "tools": ["format=json"]}
    statuses = [None] * len(seen)
    for domain, places in by_domain.items():
        cases = []
        for at in places:
            mark = seen[at]["text"].rfind("#")
            answer = None if mark < 0 else seen[at]["text"][mark + 1 :]
            cases.append(json.dumps({"id": at, "columns": seen[at]["columns"], "prediction": answer}))
        given = [f"--argument={argument}" for argument in arguments.get(domain, [])]
        answered = subprocess.run(
            [RECIPEC, "verify", verifiers[domain], "--cases", "-", "--json", *given],
            input="\n".join(cases), capture_output=True, text=True, check=True,
        )
        for line in answered.stdout.splitlines():
            said_ = json.loads(line)
            statuses[said_["id"]] = said_["status"]
    totals = []
    for start in range(0, len(seen), 8):
        group = range(start, start + 8)
        rate = sum(statuses[at] == "correct" for at in group) / 8.0
        for at in group:
            n, right, cut = seen[at]["row"]["length"], statuses[at] == "correct", seen[at]["row"]["truncated"]
            scale = 1.0 if cut else math.pow(rate, 0.5) if right else 0.5
            totals.append((1.0 if right else 0.0) + min(max((96.0 - 72.0 - n) / 72.0, -1.0), 0.0) * scale)
    return statuses, totals


def trl(folder, work):
    service = subprocess.Popen([RECIPEC, "serve", "verifiers", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://\S+", service.stdout.readline()).group()
        out = os.path.join(work, "seen.json")
        environment = {**os.environ, "RECIPEC_VERIFIERS": address, "OMP_NUM_THREADS": "2", "HF_HUB_OFFLINE": "1"}
        subprocess.run([sys.executable, "-c", TRAIN, os.path.join(work, "run"), out], cwd=folder, env=environment, check=True)
    finally:
        service.terminate()
        service.wait()
    with open(out) as file:
        found = json.load(file)
    seen = found["seen"]
    said(found["steps"] == 2 and len(seen) == 512, f"TRL trained {found['steps']} steps on {len(seen)} rollouts")
    statuses, totals = native(seen)
    right = sum(status == "correct" for status in statuses)
    differ = [at for at, one in enumerate(seen) if one["row"]["total"] != totals[at]]
    said(not differ, f"the rewards of {len(seen)} rollouts ({right} correct) are those of the native verifiers and formulas, to the last bit")
    counted = sum(of["completed"]["rollouts"] for of in found["state"]["counts"].values())
    cut = sum(one["row"]["truncated"] != 0.0 for one in seen)
    said(right >= 100 and cut < 256, f"{right} are right and {cut} are cut: the policy is the recipe's")
    said(counted == 512 and abs(sum(found["mix"]) - 1.0) < 1e-12, f"the mix counted {counted} rollouts and draws by {[round(p, 3) for p in found['mix']]}")


def main():
    with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "target")) as work:
        for target in ("verl@0.9", "pipelinerl@2026-06", "trl@1"):
            export("apriel_reasoner.recipe", target, os.path.join(work, target))
        said(True, "apriel_reasoner is exported to all three targets without --allow-lossy")
        pipelinerl(os.path.join(work, "pipelinerl@2026-06"))
        verl(os.path.join(work, "verl@0.9"), work)
        replay_buffer(os.path.join(work, "verl@0.9"), work)
        quick = os.path.join(work, "quick-trl")
        export("quickstart.recipe", "trl@1", quick, "--from", os.path.join(ROOT, "recipes", "base"))
        trl(quick, work)


if __name__ == "__main__":
    main()
