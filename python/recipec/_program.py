"""Finds the program that came with the package, and runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from typing import Any, Dict, Iterator, List, Optional, Sequence

from ._errors import ProgramError, UsageError

#: Exit codes that the program promises.
DONE, WRONG_RECIPE, USAGE = 0, 1, 2

#: The version of the JSON that this module reads.
SCHEMA = 1


def find_program() -> str:
    """The path of the `recipec` program: beside this package first, so that module and program are of one version.

    Raises `ProgramError` where there is none.
    """
    name = "recipec" + (sysconfig.get_config_var("EXE") or "")
    here = os.path.dirname(os.path.abspath(__file__))
    user = sysconfig.get_preferred_scheme("user") if sys.version_info >= (3, 10) else f"{os.name}_user"
    # `pip install --target` and `--prefix` put programs beside the packages, not beside the interpreter.
    folders = [
        os.path.join(here, os.pardir, "bin"),
        os.path.join(here, *[os.pardir] * 4, "bin"),
        sysconfig.get_path("scripts"),
    ]
    if user in sysconfig.get_scheme_names():
        folders.append(sysconfig.get_path("scripts", user))
    looked = []
    for folder in folders:
        path = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(path):
            return path
        looked.append(path)
    raise ProgramError("the program `recipec` is not installed; looked at " + ", ".join(looked), None, "")


class Answer:
    """What the program said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def objects(self) -> Iterator[Dict[str, Any]]:
        """The JSON objects of its lines."""
        for line in self.out.split("\n"):
            if line.strip():
                yield self._read(line)

    def object(self) -> Dict[str, Any]:
        """The JSON object that is all of its output."""
        return self._read(self.out)

    def _read(self, text: str) -> Dict[str, Any]:
        try:
            value = json.loads(text)
        except ValueError as why:
            raise ProgramError(f"the program's answer is not JSON: {why}", self.code, self.err) from why
        if not isinstance(value, dict) or value.get("schema", SCHEMA) != SCHEMA:
            raise ProgramError("the program's answer is of another version than this module", self.code, self.err)
        return value


def run(
    arguments: Sequence[str],
    *,
    allowed: Sequence[int] = (DONE,),
    text: Optional[str] = None,
    folder: Optional[str] = None,
) -> Answer:
    """Runs the program with `text` as its standard input.

    Exit code 2 raises `UsageError`; one that is not in `allowed` raises `ProgramError`.
    """
    command: List[str] = [find_program(), *arguments]
    try:
        done = subprocess.run(
            command,
            # Without a text there is nothing to read: the program does not wait for the terminal of its caller.
            input=(text or "").encode("utf-8", "replace"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1"},
            check=False,
        )
    except (OSError, ValueError) as why:
        raise ProgramError(f"the program could not be started: {why}", None, "") from why
    answer = Answer(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    if answer.code in allowed:
        return answer
    said = answer.err.strip()
    if answer.code == USAGE:
        raise UsageError(said[len("error: "):] if said.startswith("error: ") else said)
    raise ProgramError(f"the program ended with code {answer.code}: {said}", answer.code, answer.err)
