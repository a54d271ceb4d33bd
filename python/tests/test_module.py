"""The functions of the module, and the program behind them."""

import dataclasses
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import recipec

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
QUICKSTART = RECIPES / "quickstart.recipe"


class Check(unittest.TestCase):
    def test_shipped_recipes_are_fine(self):
        for name in ("quickstart", "apriel_reasoner"):
            self.assertEqual(recipec.check(RECIPES / f"{name}.recipe"), [])
        self.assertEqual(recipec.check(QUICKSTART.read_text(encoding="utf-8"), variant="no_penalty"), [])

    def test_a_mistake_has_a_place_and_a_way_out(self):
        text = QUICKSTART.read_text(encoding="utf-8").replace("overlong(length)", "overlong(lenght)")
        found = recipec.check(text)
        self.assertEqual([d.code for d in found], ["recipe::names::unknown_signal"])
        (diagnostic,) = found
        self.assertEqual(diagnostic.severity, "error")
        label = diagnostic.labels[0]
        line = text.split("\n")[label.start.line - 1]
        self.assertEqual(line[label.start.column - 1 : label.end.column - 1], "lenght")
        self.assertTrue(label.primary and diagnostic.fix is not None and diagnostic.fix.replace_with == "length")
        self.assertIn("lenght", str(diagnostic))
        with self.assertRaises(dataclasses.FrozenInstanceError):
            diagnostic.code = "other"

    def test_warnings_are_listed_and_raise_nothing(self):
        text = QUICKSTART.read_text(encoding="utf-8").replace("allow recipe::settings::clip_never_acts", "// ")
        found = recipec.check(text)
        self.assertEqual([(d.code, d.severity) for d in found], [("recipe::settings::clip_never_acts", "warning")])
        self.assertIn("train.group", recipec.resolve(text))

    def test_changes(self):
        self.assertEqual(recipec.check(QUICKSTART, set={"seed": 7, "gamma": 0.25}), [])
        found = recipec.check(QUICKSTART, set={"gamma": 9})
        self.assertEqual([d.code for d in found], ["recipe::compose::bad_set"])

    def test_a_missing_file_is_a_usage_error(self):
        with self.assertRaises(recipec.UsageError) as caught:
            recipec.check("missing.recipe")
        self.assertIn("missing.recipe", str(caught.exception))
        self.assertIsInstance(caught.exception, recipec.RecipecError)

    def test_names_that_look_like_options(self):
        with tempfile.TemporaryDirectory() as folder:
            before = os.getcwd()
            os.chdir(folder)
            try:
                Path("--json").write_bytes(QUICKSTART.read_bytes())
                self.assertEqual(recipec.check("--json"), [])
            finally:
                os.chdir(before)

    def test_a_text_finds_its_imports(self):
        text = 'extends "quickstart.recipe"\nrecipe child { edition = 2026 }\ntrain { override group = 4 rollouts }\n'
        self.assertEqual([d for d in recipec.check(text, folder=RECIPES) if d.severity == "error"], [])
        self.assertEqual(recipec.resolve(text, folder=RECIPES)["train.group"].value, "4 rollouts")
        self.assertTrue(any(d.severity == "error" for d in recipec.check(text, folder=RECIPES / "base")))


class Resolve(unittest.TestCase):
    def test_values_and_origins(self):
        settings = recipec.resolve(QUICKSTART)
        self.assertEqual(settings["train.group"].value, "8 rollouts")
        self.assertFalse(settings["train.group"].default)
        self.assertIn("quickstart.recipe", settings["train.group"].origin)
        self.assertTrue(settings["train.updates"].default)
        self.assertIn("overlong(length) * scale where scale = ", settings["penalty.difficulty_aware"].value)
        self.assertGreater(len(settings), 100)

    def test_changes(self):
        self.assertEqual(recipec.resolve(QUICKSTART, set={"gamma": 0.25})["param.gamma"].value, "0.25")
        plain = recipec.resolve(QUICKSTART, variant="plain_penalty")["penalty.difficulty_aware"]
        self.assertIn("scale = 1", plain.value)

    def test_a_wrong_recipe_raises_with_its_diagnostics(self):
        text = QUICKSTART.read_text(encoding="utf-8").replace("ratio = 40%", "ratio = 41%")
        for ask in (recipec.resolve, lambda text: recipec.evaluate_formula(text, "overlong", n=60)):
            with self.assertRaises(recipec.RecipeError) as caught:
                ask(text)
            self.assertIn("recipe::ratios::sum_not_one", [d.code for d in caught.exception.diagnostics])
            self.assertIn("recipe::ratios::sum_not_one", str(caught.exception))


class Verify(unittest.TestCase):
    def test_verdicts_in_order(self):
        cases = [
            {"id": "a", "prediction": "so \\boxed{3/4}", "gold": "0.75"},
            {"prediction": "\\boxed{2}", "gold": "3"},
            {"id": 3, "prediction": "é\nno answer", "gold": "3"},
        ]
        verdicts = recipec.verify("math", iter(cases))
        self.assertEqual([verdict.id for verdict in verdicts], ["a", 2, 3])
        self.assertEqual([verdict.correct for verdict in verdicts], [True, False, False])
        self.assertEqual(verdicts[0].score, 1.0)
        self.assertEqual(verdicts[1].status, "wrong")

    def test_other_domains_and_arguments(self):
        case = {"response": "a, b", "instruction_id": "punctuation:no_comma", "kwargs": {}}
        (verdict,) = recipec.verify("ifeval", [case], jobs=2)
        self.assertEqual(verdict.status, "wrong")
        self.assertEqual(recipec.verify("math", []), [])
        with self.assertRaises(recipec.UsageError) as caught:
            recipec.verify("maths", [case])
        self.assertIn("math", str(caught.exception))

    def test_a_case_that_cannot_be_judged(self):
        (verdict,) = recipec.verify("math", [{"prediction": "1"}])
        self.assertEqual(verdict.status, "error")
        self.assertTrue(verdict.detail)

    def test_thousands_of_cases_pass_through_pipes(self):
        cases = [{"id": at, "prediction": f"\\boxed{{{at}}}" + " " * 100, "gold": str(at)} for at in range(3000)]
        self.assertTrue(all(verdict.correct for verdict in recipec.verify("math", cases)))


class Program(unittest.TestCase):
    def test_the_program_and_the_module_are_of_one_version(self):
        from importlib.metadata import version

        said = subprocess.run([recipec.find_program(), "--version"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(said.split(), ["recipec", version("recipec")])
        again = subprocess.run(
            [sys.executable, "-m", "recipec", "--version"], capture_output=True, text=True, check=True
        ).stdout
        self.assertEqual(again, said)
        wrong = subprocess.run([sys.executable, "-m", "recipec", "bake"], capture_output=True, check=False)
        self.assertEqual(wrong.returncode, 2)

    def test_the_package_is_typed_and_needs_nothing(self):
        from importlib.metadata import requires

        self.assertTrue((Path(recipec.__file__).parent / "py.typed").is_file())
        self.assertFalse(requires("recipec"))


if __name__ == "__main__":
    unittest.main()
