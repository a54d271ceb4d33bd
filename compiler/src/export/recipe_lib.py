"""What an exported recipe needs whatever engine trains it: answers, verifiers, signals, rewards of groups, and the domain mix.

Only the standard library is used. The formulas are in `recipe_formulas.py`, the numbers of the recipe in `recipe.json`; both are
generated. Verifiers are asked over HTTP: start them with `recipec serve verifiers --port 8080` and say where they are in
RECIPEC_VERIFIERS (http://127.0.0.1:8080 if it is not set).
"""

import json
import math
import os
import random
import threading
import time
import urllib.error
import urllib.request

import recipe_formulas

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "recipe.json"), encoding="utf-8") as file:
    RECIPE = json.load(file)
DOMAINS = {domain["name"]: domain for domain in RECIPE["domains"]}
# Suites with problems of their own have a verifier of their own, too.
JUDGES = {**{suite["name"]: suite for suite in RECIPE["suites"]}, **DOMAINS}

# Cases of one request, and how long an answer may be waited for, in seconds, refusals included.
CASES = 256
PATIENCE = float(os.environ.get("RECIPEC_PATIENCE", "600"))


class VerifierError(RuntimeError):
    """The verifiers cannot be asked: training on made-up verdicts would be worse than none."""


def post(path, payload):
    """Sends JSON and gives the JSON that comes back. A service that is full (429), ends or is not there yet is asked again until the
    patience is used up, after the time that it states or one that doubles."""
    url = os.environ.get("RECIPEC_VERIFIERS", RECIPE["verifiers"]).rstrip("/") + path
    body = json.dumps(payload).encode()
    end, pause = time.monotonic() + PATIENCE, 0.1
    while True:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as why:
            said = why.read().decode(errors="replace")
            if why.code not in (408, 429, 502, 503, 504):
                raise VerifierError(f"{url}: {why.code} {said}") from why
            wait, problem = float(why.headers.get("Retry-After") or pause), f"{why.code} {said}"
        except OSError as why:
            wait, problem = pause, str(why)
        if time.monotonic() + wait > end:
            raise VerifierError(f"{url} does not answer within {PATIENCE:g} s: {problem}; start `recipec serve verifiers`")
        # A little apart, so that many workers do not come back at the same moment.
        time.sleep(wait * random.uniform(1.0, 1.5))
        pause = min(2.0 * pause, 10.0)


def verdicts(domain, cases):
    """Verdicts on answers to problems of one domain, in order. A case is (columns of the problem, answer or None). One that failed is
    asked about once more; what fails twice stays an error."""
    verifier = JUDGES[domain]["verify"]
    path = f"/verify/{verifier['name']}"
    texts = [
        {"columns": columns, "prediction": answer, "arguments": verifier["arguments"]} for columns, answer in cases
    ]
    found = []
    for start in range(0, len(texts), CASES):
        found.extend(post(path, texts[start : start + CASES]))
    failed = [at for at, verdict in enumerate(found) if verdict["status"] == "error"]
    if failed:
        for at, verdict in zip(failed, post(path, [texts[at] for at in failed])):
            found[at] = verdict
    return found


def answer_part(text):
    """Where the answer begins and ends in a response, in characters; None where there is none."""
    rule = RECIPE["answer"]
    if rule["rule"] == "after":
        at = text.rfind(rule["mark"])
        return None if at < 0 else (at + len(rule["mark"]), len(text))
    if rule["rule"] == "between":
        start = text.find(rule["open"])
        if start < 0:
            return None
        start += len(rule["open"])
        end = text.find(rule["close"], start)
        return None if end < 0 else (start, end)
    return (0, len(text))


def answer_tokens(decode, tokens, text, part):
    """How many tokens stand before the answer, and how many it has. A token of both counts as reasoning."""
    if part is None:
        return len(tokens), 0

    def needed(characters):
        want = len(text[:characters].encode())
        low, high = 0, len(tokens)
        while low < high:
            middle = (low + high) // 2
            # A character that is not whole yet shows as U+FFFD.
            if len(decode(tokens[:middle]).rstrip("\ufffd").encode()) >= want:
                high = middle
            else:
                low = middle + 1
        return low

    end = needed(part[1])
    start = min(needed(part[0]), end)
    return start, end - start


def truth(holds):
    return 1.0 if holds else 0.0


def signals(domain, verdict, tokens, text, decode, truncated, prompt_tokens, reference_tokens=math.nan):
    """The signals of one rollout. `tokens` are those that were generated, the end token included."""
    if truncated and RECIPE["unfinished"] == "wrong":
        verdict = {"status": "wrong", "score": 0.0}
    status = verdict["status"]
    reasoning, answer = answer_tokens(decode, tokens, text, answer_part(text))
    return {
        "length": float(len(tokens)),
        "reasoning_length": float(reasoning),
        "answer_length": float(answer),
        "reference_length": float(reference_tokens),
        "prompt_length": float(prompt_tokens),
        "correct": truth(status == "correct"),
        "wrong": truth(status != "correct"),
        "answered": truth(status != "no_answer"),
        "parsable": truth(status not in ("no_answer", "unparsable")),
        "truncated": truth(truncated),
        "finished": truth(not truncated),
        "score": float(verdict["score"]),
        "domain": float(JUDGES[domain]["position"]),
        "failed": truth(status == "error"),
    }


def score_group(rows, step):
    """Puts the rewards of one group into its rows: every term by name, `total`, and `solve_rate`. Rows whose verifier failed are left
    out, and get the mean of the others, which teaches nothing. Gives whether the recipe drops the group."""
    judged = [row for row in rows if row["failed"] == 0.0]
    if len(judged) < 2:
        for row in rows:
            row["total"], row["solve_rate"] = 0.0, 0.0
        return True
    rate = sum(1 for row in judged if row["correct"] != 0.0) / float(len(judged))
    for row in judged:
        row["solve_rate"] = rate
        row["group_size"] = float(len(judged))
        row["budget.output"] = float(RECIPE["domains_by_position"][int(row["domain"])]["output"])
        row["step"] = float(step)
        row["progress"] = min(1.0, step / float(RECIPE["steps"])) if RECIPE["steps"] else 0.0
    recipe_formulas.rewards(judged)
    if RECIPE["shuffled"]:
        totals = [row["total"] for row in judged]
        random.Random(f"{RECIPE['seed']} {step} {totals}").shuffle(totals)
        for row, total in zip(judged, totals):
            row["total"] = total
    mean = sum(row["total"] for row in judged) / len(judged)
    for row in rows:
        if not math.isfinite(row.setdefault("total", mean)):
            raise ValueError(f"the reward of a rollout is {row['total']}: {row}")
        row["solve_rate"] = rate
    totals = [row["total"] for row in judged]
    if RECIPE["drop"] == "same_outcome":
        dropped = len({row["correct"] for row in judged}) == 1
    else:
        # With a baseline of the group, advantages of about zero are totals that are all about alike.
        dropped = RECIPE["drop"] == "no_advantage" and max(totals) - min(totals) <= 1e-9
    return dropped


class Mix:
    """Which domain the next group comes from: the weight formula of the recipe over what was counted so far."""

    def __init__(self):
        self.names = [domain["name"] for domain in RECIPE["domains"]]
        self.counts = {
            name: {point: {"groups": 0, "rollouts": 0, "tokens": 0} for point in ("sampled", "completed", "trained")}
            for name in self.names
        }
        self.means, self.averages, self.step, self.kept = {}, {}, 0, None
        self.draws = random.Random(f"mix {RECIPE['seed']}")
        self.lock = threading.Lock()

    def state(self):
        """All of it, for a checkpoint."""
        return {
            "counts": self.counts,
            "means": self.means,
            "averages": {slot: dict(known) for slot, known in self.averages.items()},
            "step": self.step,
            "kept": self.kept,
            "draws": self.draws.getstate(),
        }

    def restore(self, state):
        self.counts, self.means, self.step, self.kept = (state[key] for key in ("counts", "means", "step", "kept"))
        self.averages = {int(slot): {int(at): value for at, value in known.items()} for slot, known in state["averages"].items()}
        version, numbers, gauss = state["draws"]
        self.draws.setstate((version, tuple(numbers), gauss))

    def count(self, point, name, groups=0, rollouts=0, tokens=0):
        with self.lock:
            of = self.counts[name][point]
            of["groups"] += groups
            of["rollouts"] += rollouts
            of["tokens"] += tokens

    def rows(self, present=()):
        """The inputs of the weight formula, a row per domain."""
        at, unit = RECIPE["mix"]["at"], RECIPE["mix"]["of"]
        counted = [self.counts[name][at][unit] for name in self.names]
        total = sum(counted)
        rows = []
        for name, n in zip(self.names, counted):
            counts = self.counts[name]
            completed, trained = counts["completed"]["rollouts"], counts["trained"]["rollouts"]
            flying = max(0, counts["sampled"]["groups"] - counts["completed"]["groups"])
            means = self.means.get(name, {})
            row = {
                "ratio": DOMAINS[name]["ratio"],
                "achieved": n / float(total) if total else 0.0,
                "sampled": counts["sampled"]["rollouts"],
                "completed": completed,
                "trained": trained,
                "in_flight": flying * RECIPE["group"],
                "yield": trained / float(completed) if completed else 1.0,
                "step": self.step,
                "progress": min(1.0, self.step / float(RECIPE["steps"])) if RECIPE["steps"] else 0.0,
                "present": truth(name in present),
            }
            row.update({f"last_batch.{key}": means.get(key, 0.0) for key in ("total", "solve_rate", "length")})
            rows.append(row)
        return rows, total

    def probabilities(self):
        with self.lock:
            every = RECIPE["mix"]["every"]
            if every and self.kept and self.kept[0] == self.step // every:
                return self.kept[1]
            rows, total = self.rows()
            if total < RECIPE["mix"]["warmup"]:
                weights = [row["ratio"] for row in rows]
            else:
                recipe_formulas.weights(rows, self.averages)
                weights = [row["weight"] for row in rows]
            whole = sum(weights)
            if not math.isfinite(whole) or whole <= 0.0 or min(weights) < 0.0:
                raise ValueError(f"the weights of the mix are no weights: {dict(zip(self.names, weights))}")
            weights = [weight / whole for weight in weights]
            if every:
                self.kept = [self.step // every, weights]
            return weights

    def used_up(self):
        """Whether the budget of tokens is used up, groups that were dropped included."""
        used = sum(counts["completed"]["tokens"] for counts in self.counts.values())
        return RECIPE["tokens"] is not None and used >= RECIPE["tokens"]

    def next(self):
        """The domain of the next group. It counts as sampled."""
        name = self.draws.choices(self.names, self.probabilities())[0]
        self.count("sampled", name, 1, RECIPE["group"])
        return name

    def trained(self, groups):
        """Takes in a batch: (domain, rows) of each of its groups. A domain that is not in it keeps its averages."""
        sums = {}
        for name, rows in groups:
            self.count("trained", name, 1, len(rows), sum(int(row["length"]) for row in rows))
            of = sums.setdefault(name, {"groups": 0, "rollouts": 0, "total": 0.0, "solve_rate": 0.0, "length": 0.0})
            of["groups"] += 1
            of["rollouts"] += len(rows)
            of["total"] += sum(row["total"] for row in rows)
            of["solve_rate"] += rows[0]["solve_rate"]
            of["length"] += sum(row["length"] for row in rows)
        with self.lock:
            for name, of in sums.items():
                self.means[name] = {
                    "total": of["total"] / of["rollouts"],
                    "solve_rate": of["solve_rate"] / of["groups"],
                    "length": of["length"] / of["rollouts"],
                }
            self.step += RECIPE["updates"]
            recipe_formulas.weights(self.rows(sums)[0], self.averages, True)


class Order:
    """The order in which the problems of each domain come: another permutation every time through."""

    def __init__(self, sizes):
        self.sizes, self.places, self.orders = sizes, {name: 0 for name in sizes}, {}

    def next(self, name):
        size = self.sizes[name]
        if size == 0:
            raise ValueError(f"domain {name} has no problems")
        turn, at = divmod(self.places[name], size)
        self.places[name] += 1
        if DOMAINS[name]["generated"] and turn == 0:
            return at
        if self.orders.get(name, (None,))[0] != turn:
            order = list(range(size))
            random.Random(f"{RECIPE['seed']} {name} {turn}").shuffle(order)
            self.orders[name] = (turn, order)
        return self.orders[name][1][at]


# One for the process: what draws problems and what scores them count together.
MIX = Mix()
