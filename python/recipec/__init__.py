"""Recipes for reinforcement-learning post-training: checked, resolved, evaluated and judged from Python.

The functions ask the program `recipec` that is installed with this package; there is no second implementation of the language here.
"""

from ._api import check, evaluate_formula, evaluate_group, resolve, verify
from ._errors import ProgramError, RecipecError, RecipeError, UsageError
from ._program import find_program
from ._types import Diagnostic, Fix, Label, Place, Setting, Verdict

__all__ = [
    "Diagnostic",
    "Fix",
    "Label",
    "Place",
    "ProgramError",
    "RecipeError",
    "RecipecError",
    "Setting",
    "UsageError",
    "Verdict",
    "check",
    "evaluate_formula",
    "evaluate_group",
    "find_program",
    "resolve",
    "verify",
]
