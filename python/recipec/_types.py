"""What the program says, as data classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple


@dataclass(frozen=True)
class Place:
    """A place in a file: the byte from 0, line and column from 1."""

    byte: int
    line: int
    column: int


@dataclass(frozen=True)
class Label:
    """A stretch of a recipe with a remark; the first of a diagnostic is the primary one."""

    primary: bool
    file: str
    start: Place
    end: Place
    text: str


@dataclass(frozen=True)
class Fix:
    """An edit: the bytes `start..end` of `file` become `replace_with`. `certain` when `check --fix` would make it."""

    file: str
    start: int
    end: int
    replace_with: str
    certain: bool


@dataclass(frozen=True)
class Diagnostic:
    """A problem of a recipe; `recipec explain CODE` has a page on each code."""

    code: str
    #: `error` or `warning`.
    severity: str
    message: str
    labels: Tuple[Label, ...] = ()
    help: Optional[str] = None
    note: Optional[str] = None
    fix: Optional[Fix] = None

    def __str__(self) -> str:
        place = f"{self.labels[0].file}:{self.labels[0].start.line}: " if self.labels else ""
        help_ = f" (help: {self.help})" if self.help else ""
        return f"{place}{self.severity}: {self.message} [{self.code}]{help_}"

    @classmethod
    def from_json(cls, line: Dict[str, Any]) -> "Diagnostic":
        """From a line of `recipec check --json`."""
        fix = line.get("fix")
        return cls(
            code=line["code"],
            severity=line["severity"],
            message=line["message"],
            labels=tuple(
                Label(
                    primary=label["primary"],
                    file=label["file"],
                    start=_place(label["start"]),
                    end=_place(label["end"]),
                    text=label["text"],
                )
                for label in line["labels"]
            ),
            help=line.get("help"),
            note=line.get("note"),
            fix=None
            if fix is None
            else Fix(fix["file"], fix["start"], fix["end"], fix["replace_with"], fix["certain"]),
        )


def _place(place: Dict[str, Any]) -> Place:
    return Place(place["byte"], place["line"], place["column"])


@dataclass(frozen=True)
class Setting:
    """A value in force."""

    #: As a recipe would write it: `96 tokens`, `gspo`, `overlong(length) * scale`.
    value: str
    #: File and line, or the words for a default and for `set`.
    origin: str
    #: Whether the recipe leaves it to the default.
    default: bool
    #: The value in base units and full words; the same as `value` for formulas.
    meaning: str
    #: What the setting or its value is about.
    doc: Optional[str] = None


@dataclass(frozen=True)
class Verdict:
    """What a verifier says about one case."""

    #: The id of the case; the number of its line, from 1, where it has none.
    id: Any
    #: `correct`, `partial`, `wrong`, `no_answer`, `unparsable`, or `error` when the verifier itself failed.
    status: str
    #: Credit between 0 and 1.
    score: float
    #: Why, where there is more to say.
    detail: Optional[str] = None
    #: A limit of time or memory ended the work.
    limited: bool = False

    @property
    def correct(self) -> bool:
        """Whether the answer was accepted."""
        return self.status == "correct"
