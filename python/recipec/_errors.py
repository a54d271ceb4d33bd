"""What goes wrong, as exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Optional, Sequence

if TYPE_CHECKING:
    from ._types import Diagnostic


class RecipecError(Exception):
    """Everything that this package raises."""


class RecipeError(RecipecError):
    """A recipe is wrong; `diagnostics` says where and what to do."""

    def __init__(self, diagnostics: "Sequence[Diagnostic]") -> None:
        self.diagnostics: "List[Diagnostic]" = list(diagnostics)
        errors = [str(diagnostic) for diagnostic in self.diagnostics if diagnostic.severity == "error"]
        super().__init__("\n".join(errors) or "the recipe is wrong")


class UsageError(RecipecError, ValueError):
    """What was asked for does not exist: a file, a formula, a signal, a domain. The message names what there is.

    `diagnostics` is empty: the recipe itself is not to blame.
    """

    def __init__(self, message: str) -> None:
        self.diagnostics: "List[Diagnostic]" = []
        super().__init__(message)


class ProgramError(RecipecError):
    """The program is missing, or failed in another way."""

    def __init__(self, message: str, code: Optional[int], stderr: str) -> None:
        self.diagnostics: "List[Diagnostic]" = []
        self.code = code
        self.stderr = stderr
        super().__init__(message)
