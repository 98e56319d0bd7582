"""Margin modes by name: what `compare-margin` sets one against the other.

A name is a division of positions, `cross`, `isolated` or `sub-portfolios`, and may go on with what
backs them: nothing for all that an owner has pro rata to initial margin, `-idle` for a multiple of
the initial margin with the rest kept apart, `-top-up` for the same with automatic transfers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from crossmargin.experiments.load import did_you_mean
from crossmargin.model.errors import ParameterError

Basis = Literal["positions", "initial-margin"]

DIVISIONS = {"cross": "cross", "isolated": "isolated", "sub-portfolios": "sub_portfolios"}
BACKINGS = ("", "-idle", "-top-up")
#: All names of modes.
NAMES = tuple(name + backing for name in DIVISIONS for backing in BACKINGS)
#: What is compared unless something else is asked for.
DEFAULT = ("cross", "isolated", "isolated-idle", "isolated-top-up")


@dataclass(frozen=True)
class Terms:
    """What all modes of a comparison share.

    Attributes
    ----------
    basis : str
        `positions`: the same positions and the same money; `initial-margin`: the same positions,
        each account of every mode backed by the same multiple of its initial margin, what is left
        being kept apart in all of them.
    posted : float
        That multiple, also of modes with `-idle` and `-top-up`.
    top_up : mapping
        Numbers of the automatic transfers: `below`, `to`, `limit`.
    groups : mapping
        Markets by sub-portfolio.
    """

    basis: Basis = "positions"
    posted: float = 1.5
    top_up: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)


def overrides_of(mode: str, terms: Terms, capital: float = 1.0) -> dict[str, Any]:
    """Keys of a scenario that put it under a mode.

    Raises
    ------
    ParameterError
        When there is no such mode, or it needs groups and has none.
    """
    if mode not in NAMES:
        raise ParameterError(f"modes: no {mode!r}; {did_you_mean(mode, NAMES)}")
    division = next(name for name in DIVISIONS if mode in {name + b for b in BACKINGS})
    backing = mode.removeprefix(division)
    table: dict[str, Any] = {"mode": DIVISIONS[division], "capital": capital}
    if division == "sub-portfolios":
        if not terms.groups:
            raise ParameterError(f"modes: {mode!r} needs groups, as majors=BTC-PERP,ETH-PERP")
        table["groups"] = {name: list(markets) for name, markets in terms.groups.items()}
    if backing or terms.basis == "initial-margin":
        table |= {"split": "idle", "posted": terms.posted}
    if backing == "-top-up":
        table["top_up"] = dict(terms.top_up)
    return {"venue.accounts": table}


def checked_modes(modes: Sequence[str]) -> list[str]:
    """At least two names, each once; the first is what the others are compared with.

    Raises
    ------
    ParameterError
        When one is unknown, or there are fewer than two.
    """
    names = list(dict.fromkeys(modes))
    for name in names:
        if name not in NAMES:
            raise ParameterError(f"modes: no {name!r}; {did_you_mean(name, NAMES)}")
    if len(names) < 2:
        raise ParameterError(f"modes = {', '.join(names) or 'none'}: two or more are compared")
    return names
