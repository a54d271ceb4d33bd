"""`evaluate_formula` against formulas that were written by hand from the paper (arXiv 2604.02007), not from the recipes."""

import math
import os
import random
import unittest

import recipec

RECIPES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "recipes")

#: Cap, soft zone, gamma and the scale of wrong answers, as the recipes state them; and the credit of a wrong answer.
KNOWN = {
    "apriel_reasoner.recipe": (16384.0, 4096.0, 0.5, 1.0, True),
    "quickstart.recipe": (96.0, 72.0, 0.5, 0.5, False),
}


def overlong(cap, buffer, length):
    return max(-1.0, min(0.0, (cap - buffer - length) / buffer))


def difficulty_aware(known, rollout):
    cap, buffer, gamma, wrong_scale, _ = known
    gamma = rollout.get("gamma", gamma)
    if rollout["truncated"]:
        scale = 1.0
    elif rollout["correct"]:
        scale = rollout["solve_rate"] ** gamma
    else:
        scale = wrong_scale
    return overlong(cap, buffer, rollout["length"]) * scale


def weight(ratio, achieved):
    """The adaptive weight of a domain."""
    return ratio * min(10.0, max(0.1, ratio / max(achieved, 1e-9)))


class Formulas(unittest.TestCase):
    def same(self, got, expected, about):
        # `pow` of the program and of this machine may differ in the last bit.
        self.assertTrue(math.isclose(got, expected, rel_tol=5e-16, abs_tol=0.0), f"{about}: {got!r} for {expected!r}")

    def test_two_hundred_values(self):
        draws = random.Random(20260404)
        compared = 0
        for name, known in KNOWN.items():
            path = os.path.join(RECIPES, name)
            cap, buffer, _, _, partial = known
            for at in range(25):
                truncated = draws.random() < 0.2
                rollout = {
                    "length": cap if truncated else float(draws.randint(1, int(cap))),
                    "correct": draws.random() < 0.5,
                    "truncated": truncated,
                    "solve_rate": draws.randint(0, 8) / 8,
                }
                if at % 3 == 0:
                    rollout["gamma"] = draws.choice([0.25, 1.0, 2.5])
                expected = difficulty_aware(known, rollout)
                got = recipec.evaluate_formula(path, "difficulty_aware", **rollout)
                self.same(got, expected, rollout)

                score = 1.0 if rollout["correct"] else draws.random() * 0.99
                outcome = 1.0 if rollout["correct"] else (score if partial else 0.0)
                signals = {**rollout, "score": score} if partial else rollout
                got = recipec.evaluate_formula(path, "total", **signals)
                self.same(got, outcome + expected, signals)

                length = draws.uniform(0.5, cap * 1.2)
                self.same(recipec.evaluate_formula(path, "overlong", n=length), overlong(cap, buffer, length), length)

                ratio, achieved = draws.random(), draws.choice([0.0, draws.random(), 1e-3])
                got = recipec.evaluate_formula(path, "mix.weight", ratio=ratio, achieved=achieved)
                self.same(got, weight(ratio, achieved), (ratio, achieved))
                compared += 4
        self.assertEqual(compared, 200)

    def test_variants_and_params(self):
        path = os.path.join(RECIPES, "quickstart.recipe")
        signals = dict(length=96, correct=True, finished=True, solve_rate=0.25)
        at = recipec.evaluate_formula
        self.assertEqual(at(path, "difficulty_aware", **signals), -0.5)
        self.assertEqual(at(path, "difficulty_aware", set={"gamma": 1.0}, **signals), -0.25)
        self.assertEqual(at(path, "difficulty_aware", variant="plain_penalty", length=96), -1.0)
        self.assertEqual(at(path, "overlong", n="60 tokens"), -0.5)
        self.assertEqual(at(path, "overlong", n=60, **{"budget.output": 132}), 0.0)

    def test_groups(self):
        path = os.path.join(RECIPES, "quickstart.recipe")
        got = recipec.evaluate_group(path, "overlong", n=[24, 60, 96])
        self.assertEqual(got, [0.0, -0.5, -1.0])
        group = dict(length=[60, 78], correct=[True, False], finished=True, solve_rate=0.25)
        self.assertEqual(recipec.evaluate_group(path, "total", **group), [0.75, -0.375])
        with self.assertRaises(TypeError):
            recipec.evaluate_formula(path, "overlong", n=[24, 60])

    def test_what_is_missing_is_named(self):
        path = os.path.join(RECIPES, "quickstart.recipe")
        with self.assertRaises(recipec.UsageError) as caught:
            recipec.evaluate_formula(path, "difficulty_aware", length=60)
        self.assertIn("`solve_rate`", str(caught.exception))
        with self.assertRaises(recipec.UsageError) as caught:
            recipec.evaluate_formula(path, "difficulty_aware", lenght=60)
        self.assertIn("did you mean `length`", str(caught.exception))
        with self.assertRaises(recipec.UsageError) as caught:
            recipec.evaluate_formula(path, "difficulty_awear", length=60)
        self.assertIn("difficulty_aware", str(caught.exception))
        with self.assertRaises(ValueError):
            recipec.evaluate_formula(path, "overlong", n=float("nan"))


if __name__ == "__main__":
    unittest.main()
