"""Rules of a market that runs, changed from a block on: what a vote changes overnight.

A scenario is laid out twice, as it was and as it shall be, before anyone holds anything. What
differs in the rules (numbers of parts, margin tiers, fees, weights, traits) is written into the
market that runs; a change of anything else is refused, since the past of the market had it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from crossmargin.experiments.build import Frame, frame_of
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError
from crossmargin.model.saving import named_arrays
from crossmargin.model.state import Array, State
from crossmargin.model.world import World

#: Arrays whose every number is a rule, and fields of records that are.
WHOLE = ("params", "ledger.tiers", "crowd.traits")
FIELDS: dict[str, tuple[str, ...]] = {
    "ledger.venue": (
        "interest_rate",
        "call_ratio",
        "reduce_only_ratio",
        "rounds",
        "penalty_rate",
        "liquidator_share",
        "check_every",
        "grace",
        "is_takeover",
    ),
    "ledger.markets": ("maker_fee", "taker_fee"),
    "ledger.assets": ("initial_weight", "maintenance_weight"),
    "book.ladders": ("self_trade",),
}
#: Arrays that say how a market starts, beside its rules.
STARTS = (
    "clock",
    "ledger.accounts",
    "ledger.markets",
    "ledger.assets",
    "ledger.venue",
    "outside.references",
    "outside.paths",
    "parts",
)


def changed_scenario(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """Scenario with some keys changed.

    Raises
    ------
    ParameterError
        With the key, the value and what is allowed.
    """
    for key in changes:
        if key.split(".")[0] == "run":
            raise ParameterError(f"{key}: a market that runs keeps its blocks; change the scenario")
    return load_scenario(scenario, changes)


def change_rules(world: World, changes: Mapping[str, Any]) -> int:
    """Change rules of a market from its next block on; returns how many numbers differ.

    Raises
    ------
    ParameterError
        When a key cannot be used, or is not a rule but says how the market starts.
    """
    before = world.scenario
    after = changed_scenario(before, changes)
    if after == before:
        return 0
    seed = int(world.state.clock["seed"][0])
    old, new = frame_of(before, seed), frame_of(after, seed)
    words = ", ".join(changes)
    _check_same(old, new, words)
    found = 0
    for target, was, will in _rules(world.state, old.state, new.state):
        differs = was != will
        target[differs] = will[differs]
        found += int(differs.sum())
    if not found:
        raise ParameterError(
            f"{words}: says only how the market starts, and changes nothing in one that runs; "
            "compare scenarios with `crossmargin sweep`"
        )
    world.scenario = after
    return found


def _rules(*states: State) -> Iterator[tuple[Array, ...]]:
    """Every array of rules of some states, side by side; views into them."""
    tables = [dict(named_arrays(state)) for state in states]
    for name in WHOLE:
        yield tuple(table[name] for table in tables)
    for name, fields in FIELDS.items():
        for field in fields:
            yield tuple(table[name][field] for table in tables)


def _check_same(old: Frame, new: Frame, words: str) -> None:
    """Refuse what changes more than rules: rows, parts, units, prices."""
    kernels = [[entry.part.kernel for entry in frame.entries] for frame in (old, new)]
    rows = [[(e.population, e.market, e.underlying) for e in f.entries] for f in (old, new)]
    if kernels[0] != kernels[1] or rows[0] != rows[1]:
        raise ParameterError(f"{words}: would run other parts; a market that runs keeps its parts")
    before, after = dict(named_arrays(old.state)), dict(named_arrays(new.state))
    for name, array in before.items():
        other = after[name]
        is_start = name in STARTS and not _same(name, array, other)
        if array.shape != other.shape or is_start:
            raise ParameterError(
                f"{words}: is no rule ({name} would differ) and cannot change while the market "
                "runs; compare scenarios with `crossmargin sweep`"
            )


def _same(name: str, old: Array, new: Array) -> bool:
    """Tell whether two arrays differ in rules alone."""
    if old.dtype.names is None:
        return np.array_equal(old, new)
    rest = [field for field in old.dtype.names if field not in FIELDS.get(name, ())]
    return all(np.array_equal(old[field], new[field]) for field in rest)
