"""The parameters of a running market as `market.toml` says them."""

from typing import Any

import pandas as pd

from crossmargin.experiments.snapshots.table import PASSIVE, PROVIDERS
from crossmargin.experiments.wiring import population_numbers
from crossmargin.model.ledger import QUOTE
from crossmargin.model.parts import find_part
from crossmargin.model.state import BACKSTOP, INSURANCE
from crossmargin.model.world import World

#: Tables of a scenario that a snapshot takes over.
KEPT = ("title", "sources", "run", "asset", "underlying", "reference", "market", "venue", "shock")
#: Kinds whose quotes are the depth curve.
QUOTING = ("makers", PROVIDERS)
#: What a population says about its accounts, which come from the snapshot.
ACCOUNTS = ("count", "wealth", "collateral", "margin", "position", "whale")


def parameters_of(world: World, *, keep_makers: bool) -> dict[str, Any]:
    """Tables of `market.toml` for a market as it stands."""
    scenario = world.scenario
    full = scenario.model_dump(mode="json", exclude_none=True)
    table = {
        "name": f"{scenario.name[:24]}-step-{world.step}",
        "story": f"Step {world.step} of {scenario.name}, seed {int(world.state.clock['seed'][0])}.",
        **{name: full[name] for name in KEPT if name in full},
    }
    table["run"]["steps"] = max(1, scenario.run.steps - world.step)
    _set_underlyings(world, table)
    _set_margins(world, table)
    _set_funds(world, table)
    elapsed = world.step * scenario.run.block_seconds
    table["shock"] = [_later(row, elapsed) for row in table["shock"] if row.get("at", 0) >= elapsed]
    table["population"] = _populations(world, full["population"], keep_makers)
    table["snapshot"] = {"market": _prices(world)}
    return table


def _later(shock: dict[str, Any], elapsed: float) -> dict[str, Any]:
    return {**shock, "at": shock.get("at", 0.0) - elapsed}


def _set_underlyings(world: World, table: dict[str, Any]) -> None:
    """Prices of now; a recording goes on from here, as long as there is any left."""
    scenario, elapsed = world.scenario, world.step * world.scenario.run.block_seconds
    for u, row in enumerate(table["underlying"]):
        recording = row.get("recording")
        if recording is not None and world.step < scenario.run.steps:
            moment = pd.Timestamp(recording["start"]) + pd.Timedelta(seconds=elapsed)
            recording["start"] = moment.isoformat()
            continue
        if row.pop("recording", None) is not None:
            row["path"] = {"kind": "geometric_brownian"}
        row["price"] = float(world.state.outside.references["price"][u])


def _set_margins(world: World, table: dict[str, Any]) -> None:
    """Margin rates and weights as they are now, which shocks may have changed."""
    ledger = world.state.ledger
    for m, market in enumerate(table["market"]):
        for t, tier in enumerate(market["tiers"]):
            for name in ("initial", "maintenance"):
                tier[name] = min(1.0, float(ledger.tiers[name][m, t]))
    for a, asset in enumerate(table["asset"]):
        for name in ("initial_weight", "maintenance_weight"):
            asset[name] = float(ledger.assets[name][a])


def _set_funds(world: World, table: dict[str, Any]) -> None:
    """What the fund and the vault hold in quote; a vault in debt has a row of its own."""
    balances, decimals = world.state.ledger.balances, world.scenario.asset[QUOTE].decimals
    for row, name in ((INSURANCE, "insurance"), (BACKSTOP, "backstop")):
        table["venue"][name] = max(0.0, float(balances[row, QUOTE]) / 10**decimals)


def _populations(
    world: World, rows: list[dict[str, Any]], keep_makers: bool
) -> list[dict[str, Any]]:
    """Behaviours by population; without makers those who quoted hold what they have."""
    kernels = [find_part(kind).kernel for kind in QUOTING]
    found = []
    for row, population in zip(rows, world.scenario.population, strict=True):
        part = population_numbers(population).part
        is_curve = part is not None and part.kernel is kernels[1]
        is_quoting = is_curve or (part is not None and part.kernel is kernels[0])
        kept = {key: value for key, value in row.items() if key not in ACCOUNTS}
        if is_quoting and (is_curve or not keep_makers):
            kept = {"name": row["name"], "kind": PASSIVE, "markets": row["markets"]}
        found.append(kept)
    return found


def _prices(world: World) -> dict[str, dict[str, float]]:
    """Mark, index and mid of every market, quote per base."""
    found = {}
    for m, name in enumerate(world.names.markets):
        row, ladder = world.state.ledger.markets[m], world.state.book.ladders[m]
        half = {"mark": row["mark"], "index": row["index"], "mid": ladder["mid"]}
        tick = float(row["tick"])
        found[name] = {kind: float(price) * tick / 2 for kind, price in half.items() if price > 0}
    return found
