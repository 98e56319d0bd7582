"""Burn-in: the market runs before step 0 until it is at rest, and what it did is discarded.

What is drawn for step 0 is no market yet: the books are empty, makers have no inventory, nobody has
acted on the carry. So the scenario is run in a quiet form, with the same accounts and draws:

- the reference price is a Brownian bridge from the first price to the first price in every window
  (`model/reference/quiet.py`), with the volatility of its own path, so that the run begins at the
  price that the scenario states, wherever the burn-in ends. A recording is not read before its
  start: what is drawn around its first price would not fit what came before;
- the outside market is infinitely deep: no push of the venue is left over;
- nobody is liquidated and nothing scheduled happens: shocks, recorded paths and the moments of
  manipulators count from step 0. An account that is below its maintenance margin at the end is
  liquidated by the run, as its first event.

At the end of every window the series of `BurnIn.series` are judged (`stationarity.py`). Then the
market is put into the world of the run: books, positions, costs, stops, what agents remember. All
that is counted begins anew: steps, events, losses by class, deposits, totals. The insurance fund,
the backstop and the other rows of the system hold what the scenario says, by a mint or a burn.

Traders written in Python begin to act at step 0.
"""

import math
from typing import Any

import numpy as np

from crossmargin.experiments.build import build, first_prices, highest_prices
from crossmargin.experiments.initial.burnt_states import find_state, keep_state, key_of
from crossmargin.experiments.initial.stationarity import is_at_rest, scores_of
from crossmargin.experiments.initial_tables import BurnIn, Initial
from crossmargin.experiments.load import part_numbers
from crossmargin.experiments.loadings import without_rows
from crossmargin.experiments.schema import Scenario, Underlying, Venue
from crossmargin.experiments.wiring import path_of
from crossmargin.model.errors import ParameterError, ScenarioError, StateError
from crossmargin.model.ledger import QUOTE
from crossmargin.model.markets import FOREVER
from crossmargin.model.saving import named_arrays
from crossmargin.model.state import CLOSED, FIRST_SETTLEMENT, OUTSIDE, State
from crossmargin.model.world import Origin, World, announce

#: What of a venue does not act while nobody is liquidated.
IDLE = (
    "insurance",
    "backstop",
    "grace_seconds",
    "rounds",
    "penalty_rate",
    "liquidator_share",
    "queue",
    "waterfall",
    "take_over",
)
#: Arrays that belong to the program of a run and not to its past.
OF_THE_RUN = ("parts", "params", "outside.paths", "ledger.venue", "ledger.tiers", "log.cursor")
#: Arrays and fields that are counted from the start of a run.
COUNTED = ("log.shift", "log.by_class", "log.traced_lots", "log.counters", "log.forced_volume")
COUNTED_ACCOUNTS = (
    "breach_step",
    "cooldown",
    "liquidations",
    "deposited",
    "episode",
    "stage",
    "trigger",
    "owed",
    "socialised",
    "block_notional",
    "block_step",
)
#: Fewest blocks of a window.
FEWEST = 20


def burn_in(world: World, seed: int) -> None:
    """Bring the world of a scenario that asks for it to the state in which its run begins.

    Raises
    ------
    ParameterError
        When a window is too short to judge anything.
    StateError
        When the market fails on the way, as in a run.
    """
    scenario: Scenario = world.scenario
    table = (scenario.initial or Initial()).burn_in
    if table is None:
        return
    try:
        _burn_in(world, table, seed)
    except (ScenarioError, StateError) as error:
        raise type(error)(f"{scenario.origin}: burn-in: {error}") from None


def _burn_in(world: World, table: BurnIn, seed: int) -> None:
    scenario: Scenario = world.scenario
    windows_of(table, scenario.run.block_seconds)
    prices, paths = first_prices(scenario, seed)
    quiet = quiet_scenario(scenario, prices, table)
    highest = highest_prices(prices, paths)
    burnt = build(quiet, seed, highest)
    key = key_of(quiet, seed, burnt.state) if table.cache else None
    found = find_state(key, burnt.state)
    if found is None:
        notes = _run(burnt, table)
        burnt.seal()
        keep_state(key, burnt.state, notes)
        state = burnt.state
    else:
        state, notes = found
    take_over(world, state, int(notes["blocks"]))
    world.notes["burn_in"] = notes
    world.notes["burn_in_cache"] = {"key": key, "was_found": found is not None}


def quiet_scenario(scenario: Scenario, prices: list[float], table: BurnIn) -> Scenario:
    """Scenario of the burn-in: what does not act in it stands at its default."""
    underlyings = tuple(_quiet(scenario, u, price, table) for u, price in enumerate(prices))
    changes = {
        "name": "burn-in",
        "title": "",
        "story": "",
        "sources": (),
        "run": scenario.run.model_copy(update={"steps": 1}),
        "underlying": underlyings,
        "reference": None,
        "venue": scenario.venue.model_copy(update={name: getattr(Venue(), name) for name in IDLE}),
        "shock": (),
        "initial": _without_recording(scenario),
    }
    return scenario.model_copy(update=changes)


def _quiet(scenario: Scenario, u: int, price: float, table: BurnIn) -> Underlying:
    key, row = path_of(scenario, u)
    _, numbers = part_numbers(row, key)
    own = getattr(numbers, "volatility", getattr(numbers, "calm_volatility", 0.6))
    if scenario.reference is not None and hasattr(numbers, "calm_beta"):
        _, factor = part_numbers(without_rows(scenario.reference), "reference")
        own = math.hypot(own, numbers.calm_beta * getattr(factor, "calm_volatility", 0.0))
    path = {
        "kind": "quiet",
        "volatility": own if table.volatility is None else table.volatility,
        "window": table.window,
        "elasticity": 0.0,
        "loading": getattr(numbers, "loading", 0.0),
        "volatility_half_life": getattr(numbers, "volatility_half_life", 3600.0),
    }
    return scenario.underlying[u].model_copy(
        update={"price": price, "recording": None, "path": path}
    )


def _without_recording(scenario: Scenario) -> Initial:
    """`[initial]` whose histories name the recordings that the burn-in itself does not follow."""
    initial = scenario.initial or Initial()
    recordings = {row.name: row.recording for row in scenario.underlying}
    markets = {market.name: market.underlying for market in scenario.market}
    tables = []
    for table in initial.volume_at_price:
        recording = recordings[markets[table.market]]
        needs = recording is not None and not (table.prices or table.file or table.simulated)
        if needs and recording is not None:
            named = {
                "candles": table.candles or recording.file,
                "end": table.end or recording.start,
            }
            table = table.model_copy(update=named)
        tables.append(table)
    return initial.model_copy(update={"volume_at_price": tuple(tables)})


def windows_of(table: BurnIn, block_seconds: float) -> tuple[int, int, int]:
    """Blocks of a window, and the fewest and most windows."""
    blocks = round(table.window / block_seconds)
    if blocks < FEWEST:
        raise ParameterError(
            f"initial.burn_in.window = {table.window:g}: holds {blocks} blocks of "
            f"{block_seconds:g} s; at least {FEWEST} are needed"
        )
    most = max(1, int(table.most / (blocks * block_seconds) + 1e-9))
    return blocks, min(most, max(1, int(np.ceil(table.least / (blocks * block_seconds))))), most


def _run(burnt: World, table: BurnIn) -> dict[str, Any]:
    """Run window after window until the market is at rest; returns what is to be told of it."""
    seconds = float(burnt.state.clock["block_seconds"][0])
    blocks, least, most = windows_of(table, seconds)
    burnt.state.clock["first"] = int(FOREVER)  # what is scheduled lies after the burn-in
    scores: dict[str, dict[str, float]] = {}
    is_stationary = False
    for window in range(1, most + 1):
        burnt.run(blocks)
        if window >= least:
            scores = scores_of(burnt, table)
            is_stationary = is_at_rest(scores, table.threshold)
        if is_stationary:
            break
    if not is_stationary:
        announce(_warning(scores, burnt.step * seconds, table.threshold))
    return {
        "blocks": burnt.step,
        "seconds": burnt.step * seconds,
        "is_stationary": is_stationary,
        "threshold": table.threshold,
        "scores": {
            name: {word: s if np.isfinite(s) else None for word, s in market.items()}
            for name, market in scores.items()
        },
    }


def _warning(scores: dict[str, dict[str, float]], seconds: float, threshold: float) -> str:
    moving = [
        f"{word} of {name} ({score:.3g})"
        for name, market in scores.items()
        for word, score in market.items()
        if not score <= threshold
    ]
    return (
        f"the burn-in ended after {seconds / 3600:.3g} h, its longest, before the market was at "
        f"rest: {', '.join(moving)} score above {threshold:g}"
    )


def take_over(world: World, burnt: State, blocks: int) -> None:
    """Put a burnt-in market into the world of a run, which begins at its end.

    Raises
    ------
    StateError
        When it has not the size of the world.
    """
    fresh = world.state
    system = fresh.ledger.balances[:FIRST_SETTLEMENT].copy()
    counted = fresh.ledger.accounts[list(COUNTED_ACCOUNTS)].copy()
    source = dict(named_arrays(burnt))
    prices = fresh.outside.references[["price", "base_log"]].copy()
    for name, array in named_arrays(fresh):
        if name in OF_THE_RUN or name in COUNTED:
            continue
        if source[name].shape != array.shape:
            raise StateError(f"{name}: a burnt-in state of another size, {source[name].shape}")
        array[...] = source[name]
    for name in COUNTED_ACCOUNTS:
        fresh.ledger.accounts[name] = counted[name]
    accounts = fresh.ledger.accounts
    accounts["state"][accounts["state"] != CLOSED] = 0
    _restore_system(fresh, system)
    _restart(fresh, prices, blocks)
    world.origin = Origin(blocks, fresh.book.ladders.copy())


def _restart(state: State, prices: Any, blocks: int) -> None:
    """Set the clock, the counters and the reference to the start of a run."""
    state.clock["first"] = blocks
    state.ledger.markets["halts"] = 0
    state.ledger.markets["funding_paid"] = 0
    state.book.pool["rejected"] = 0
    desk = state.stops.desk
    desk["placed"], desk["triggered"], desk["cancelled"] = desk["armed"], 0, 0
    references = state.outside.references
    for name in ("price", "base_log"):
        references[name] = prices[name]
    for name in ("lasting", "passing", "flow", "shock", "turbulence", "regime", "stale"):
        references[name] = 0


def _restore_system(state: State, system: Any) -> None:
    """Let the fund and the other rows of the system hold what they hold at the start."""
    for row in range(FIRST_SETTLEMENT):
        change = int(system[row, QUOTE]) - int(state.ledger.balances[row, QUOTE])
        if row == OUTSIDE or change == 0:
            continue
        state.ledger.balances[row, QUOTE] += change
        word = "minted" if change > 0 else "burned"
        state.ledger.assets[word][QUOTE] += abs(change)
