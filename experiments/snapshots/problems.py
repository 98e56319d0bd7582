"""What is wrong with a snapshot: every problem with its file, row and column."""

from collections.abc import Iterable
from dataclasses import dataclass

from crossmargin.model.errors import ScenarioError

#: Problems that one message names.
SHOWN = 5


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; rows count from 1 below the header."""

    file: str
    text: str
    row: int | None = None
    column: str = ""
    account: str = ""

    def __str__(self) -> str:
        """Words in which it is told."""
        row = f"row {self.row}" if self.row is not None else ""
        named = f"{row} (account {self.account})" if row and self.account else row
        column = f"column {self.column}" if self.column else ""
        return ", ".join(word for word in (self.file, named, column) if word) + f": {self.text}"


class SnapshotError(ScenarioError):
    """A snapshot cannot be used as given; `problems` holds everything that was found."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


def refuse(folder: object, problems: list[Problem]) -> None:
    """Raise when there is any problem.

    Raises
    ------
    SnapshotError
        With the first few in its message and all of them in `problems`.
    """
    if not problems:
        return
    lines = [str(problem) for problem in problems[:SHOWN]]
    more = len(problems) - len(lines)
    tail = f"; and {more} more" if more else ""
    raise SnapshotError(f"{folder}: " + "; ".join(lines) + tail, problems)
