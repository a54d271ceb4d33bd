"""The functions of the package; each asks the program, which is the only one that knows the language."""

from __future__ import annotations

import json
import math
import os
import warnings
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from . import _program
from ._errors import ProgramError, RecipeError
from ._program import DONE, WRONG_RECIPE
from ._types import Diagnostic, Setting, Verdict

#: A recipe: its path, or its text (a `str` with a line break or a brace).
Recipe = Union[str, "os.PathLike[str]"]
#: A value of an input, a param, or an argument of a verifier; text may have a unit: `"2Ki tokens"`.
Scalar = Union[float, int, bool, str]


def check(
    recipe: Recipe,
    variant: Optional[str] = None,
    set: Optional[Mapping[str, Scalar]] = None,  # noqa: A002 - the name of the option
    *,
    folder: "Optional[Union[str, os.PathLike[str]]]" = None,
) -> List[Diagnostic]:
    """Checks a recipe; the list of its problems, errors and warnings, in the order of their places. Empty when it is fine.

    `variant` and `set` are the options `--variant` and `--set`. A recipe that is given as text finds its imports below `folder`, or the
    working directory. Raises `UsageError` for a file that cannot be read.
    """
    source, text, where = _source(recipe, folder)
    answer = _program.run(
        ["check", "--json", *_changes(variant, set), "--", source], allowed=(DONE, WRONG_RECIPE), text=text, folder=where
    )
    found = []
    for line in answer.objects():
        if "left_out" in line:
            warnings.warn(f"{line['left_out']} more diagnostics were left out", stacklevel=2)
        else:
            found.append(Diagnostic.from_json(line))
    if answer.code == WRONG_RECIPE and not any(diagnostic.severity == "error" for diagnostic in found):
        raise ProgramError(f"the recipe was refused without a reason: {answer.err.strip()}", answer.code, answer.err)
    return found


def resolve(
    recipe: Recipe,
    variant: Optional[str] = None,
    set: Optional[Mapping[str, Scalar]] = None,  # noqa: A002
    *,
    folder: "Optional[Union[str, os.PathLike[str]]]" = None,
) -> Dict[str, Setting]:
    """Every value in force by its path (`train.group`, `penalty.difficulty_aware`), with where it came from.

    Raises `RecipeError` for a wrong recipe, with its diagnostics.
    """
    source, text, where = _source(recipe, folder)
    arguments = ["explain", "--json", *_changes(variant, set), "--", source]
    answer = _program.run(arguments, allowed=(DONE, WRONG_RECIPE), text=text, folder=where)
    if answer.code == WRONG_RECIPE:
        raise RecipeError(check(recipe, variant, set, folder=folder))
    settings: Dict[str, Setting] = {}
    for section in answer.object()["sections"]:
        for row in section["values"]:
            settings[row["path"]] = Setting(row["value"], row["origin"], row["default"], row["meaning"], row["doc"])
        for formula in section["formulas"]:
            bindings = ", ".join(f"{binding['name']} = {binding['value']}" for binding in formula["where"])
            value = formula["text"] + (f" where {bindings}" if bindings else "")
            settings[formula["path"]] = Setting(
                value, formula["origin"], formula["origin"] == "default", value, formula["source"]
            )
    return settings


def evaluate_formula(
    recipe: Recipe,
    name: str,
    /,
    *,
    variant: Optional[str] = None,
    set: Optional[Mapping[str, Scalar]] = None,  # noqa: A002
    folder: "Optional[Union[str, os.PathLike[str]]]" = None,
    **inputs: Scalar,
) -> float:
    """The value of a formula for one rollout, or one domain of the mix, in base units.

    `name` is a penalty or term, `outcome`, `total`, `mix.weight`, `domain.NAME.reward`, or a named formula; `inputs` are the signals that it reads,
    or its parameters. A name that is no identifier goes through a dictionary: `**{"budget.output": 128}`. Raises `UsageError` when an
    input is missing, unknown, or cannot have its value, and `RecipeError` for a wrong recipe.
    """
    for key, value in inputs.items():
        if not isinstance(value, str) and isinstance(value, Iterable):
            raise TypeError(f"`{key}` has several values: `evaluate_group` takes them")
    written = {key: _scalar(value) for key, value in inputs.items()}
    for key, value in written.items():
        if "," in value:
            raise TypeError(f"`{key}` has several values: `evaluate_group` takes them")
    return _values(recipe, name, variant, set, folder, written)[0]


def evaluate_group(
    recipe: Recipe,
    name: str,
    /,
    *,
    variant: Optional[str] = None,
    set: Optional[Mapping[str, Scalar]] = None,  # noqa: A002
    folder: "Optional[Union[str, os.PathLike[str]]]" = None,
    **inputs: Union[Scalar, Sequence[Scalar]],
) -> List[float]:
    """The values of a formula for the rollouts of one group: aggregates such as `group.mean(length)` are taken over it.

    Each input has one value for all rollouts, or a list with one for each.
    """
    written = {}
    for key, value in inputs.items():
        if isinstance(value, str) or not isinstance(value, Iterable):
            written[key] = _scalar(value)
        else:
            written[key] = ",".join(_scalar(one) for one in value)
    return _values(recipe, name, variant, set, folder, written)


def verify(
    domain: str,
    cases: Iterable[Mapping[str, Any]],
    arguments: Optional[Mapping[str, Scalar]] = None,
    *,
    jobs: int = 1,
) -> List[Verdict]:
    """Judges cases with the verifier of a domain (`math`, `code`, `ifeval`, `logic`, `fn_calling`); one verdict for each, in order.

    The fields of a case are those of `recipec verify DOMAIN --cases`. A case that cannot be judged gets the status `error`. Raises
    `UsageError` for an unknown domain or a wrong argument, and `TypeError` for a case that JSON cannot hold.
    """
    lines = [json.dumps(dict(case), ensure_ascii=True, allow_nan=False) for case in cases]
    options = [f"--argument={key}={_scalar(value)}" for key, value in (arguments or {}).items()]
    answer = _program.run(
        ["verify", "--cases=-", "--json", f"--jobs={int(jobs)}", *options, "--", domain],
        allowed=(DONE, WRONG_RECIPE),
        text="".join(line + "\n" for line in lines),
    )
    verdicts = [
        Verdict(line.get("id"), line["status"], line["score"], line.get("detail"), line.get("limited", False))
        for line in answer.objects()
    ]
    if len(verdicts) != len(lines):
        raise ProgramError(f"{len(lines)} cases have {len(verdicts)} verdicts", answer.code, answer.err)
    return verdicts


def _values(
    recipe: Recipe,
    name: str,
    variant: Optional[str],
    changes: Optional[Mapping[str, Scalar]],
    folder: "Optional[Union[str, os.PathLike[str]]]",
    written: Mapping[str, str],
) -> List[float]:
    source, text, where = _source(recipe, folder)
    stated = [f"{key}={value}" for key, value in written.items()]
    arguments = ["eval", "--json", *_changes(variant, changes), "--", source, name, *stated]
    answer = _program.run(arguments, allowed=(DONE, WRONG_RECIPE), text=text, folder=where)
    if answer.code == WRONG_RECIPE:
        raise RecipeError([Diagnostic.from_json(line) for line in answer.objects() if "left_out" not in line])
    return [float(value) for value in answer.object()["values"]]


def _source(
    recipe: Recipe, folder: "Optional[Union[str, os.PathLike[str]]]"
) -> Tuple[str, Optional[str], Optional[str]]:
    """What names the recipe on the command line, what the program reads, and where it works."""
    if isinstance(recipe, str) and any(mark in recipe for mark in "\n{"):
        return "-", recipe, None if folder is None else os.fspath(folder)
    path = os.path.abspath(os.fspath(recipe)) if folder is not None else os.fspath(recipe)
    # `-` would be standard input.
    return (os.path.join(os.curdir, path) if path.startswith("-") else path), None, None


def _changes(variant: Optional[str], changes: Optional[Mapping[str, Scalar]]) -> List[str]:
    options = [f"--set={key}={_scalar(value)}" for key, value in (changes or {}).items()]
    return options if variant is None else [f"--variant={variant}", *options]


def _scalar(value: Any) -> str:
    """A value as the program reads it: the shortest text that is the same number again."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):  # numpy's is no `bool`
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a value")
    return repr(number)
