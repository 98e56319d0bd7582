"""The program of a scenario: which parts run, in which order, on what.

The order of the phases is data (`PHASES`); within the liquidation phase the parts from the queue
to the round make one round, which the compiled loop repeats while forced orders are sent.
"""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from crossmargin.experiments.load import part_numbers, read_numbers
from crossmargin.experiments.loadings import SIMPLEST, numbers_of, rows_of, without_rows
from crossmargin.experiments.schema import Population, Scenario
from crossmargin.model.errors import ParameterError
from crossmargin.model.parts import NoNumbers, Numbers, Part, find_part, row_of

#: Key of the part in whose place a risk model written in Python measures all accounts.
OWN_MODEL = "venue.risk_model"


@dataclass(frozen=True)
class Entry:
    """One row of the program before rows and places are known."""

    part: Part
    numbers: Numbers
    key: str
    population: str | None = None
    market: int = -1
    underlying: int = -1
    after_forced: bool = False
    solo: Any = None
    keepers: str | None = None


@dataclass(frozen=True)
class Behaviour:
    """What a population is: a part with its numbers and traits, or a class written in Python."""

    part: Part | None
    numbers: Numbers
    traits: Numbers
    solo: Any = None


def part_tables(scenario: Scenario) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every table of a scenario that names a part, populations left out, with its key."""
    yield from _reference(scenario)
    for u, underlying in enumerate(scenario.underlying):
        if underlying.name not in rows_of(scenario.reference):
            yield path_of(scenario, u)
    venue = scenario.venue
    options = ("option_mark", "option_greeks") if scenario.option else ()
    shared = ("oracle", "circuit_breaker", "mark", "funding", "pool_fees", "interest", "stops")
    for name in (*shared, *options):
        table = getattr(venue, name)
        if table is not None:
            yield f"venue.{name}", table
    yield "venue.queue", venue.queue
    for i, table in enumerate(venue.waterfall):
        yield f"venue.waterfall.{i}", table
    for i, table in enumerate(scenario.shock):
        yield f"shock.{i}", _without_names(table)
    yield "run.early_warning", scenario.run.early_warning


def _reference(scenario: Scenario) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Table of the process that moves several underlyings, then one for each of them."""
    if scenario.reference is None:
        return
    yield "reference", without_rows(scenario.reference)
    for name in rows_of(scenario.reference):
        u = [underlying.name for underlying in scenario.underlying].index(name)
        yield path_of(scenario, u)


def path_of(scenario: Scenario, u: int) -> tuple[str, Mapping[str, Any]]:
    """Key and table of the part that moves an underlying: its own path, or how it loads."""
    underlying = scenario.underlying[u]
    row = rows_of(scenario.reference).get(underlying.name)
    if row is None:
        return f"underlying.{underlying.name}.path", underlying.path or dict(SIMPLEST)
    part, _ = part_numbers({"kind": (scenario.reference or {}).get("kind")}, "reference")
    kind = importlib.import_module(part.kernel.__module__).LOADING
    return f"reference.loading.{underlying.name}", numbers_of(row, kind)


def _without_names(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in ("market", "underlying")}


def population_numbers(population: Population) -> Behaviour:
    """Part or class of a population with its numbers, checked.

    Raises
    ------
    ParameterError
        With the key, the value and what is allowed.
    """
    where = f"population.{population.name}"
    if ":" in population.kind:
        solo = _solo_class(where, population.kind)
        return Behaviour(
            None,
            read_numbers(solo.Parameters, population.behaviour, f"{where}.behaviour"),
            read_numbers(solo.Traits, population.traits, f"{where}.traits"),
            solo,
        )
    table = {"kind": population.kind, **population.behaviour}
    try:
        part, numbers = part_numbers(table, f"{where}.behaviour")
    except ParameterError as error:
        raise ParameterError(str(error).replace("behaviour.kind", "kind", 1)) from None
    module = importlib.import_module(part.kernel.__module__)
    record = getattr(module, "Traits", NoNumbers)
    return Behaviour(part, numbers, read_numbers(record, population.traits, f"{where}.traits"))


def _solo_class(where: str, kind: str) -> Any:
    """Trader subclass that `module:Class` names."""
    module, _, name = kind.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ParameterError(f"{where}.kind = {kind!r}: {error}") from None
    if not (isinstance(found, type) and hasattr(found, "decide")):
        raise ParameterError(f"{where}.kind = {kind!r}: is no Trader with a method `decide`")
    return found


def _plain(name: str, key: str = "", **places: Any) -> Entry:
    part = find_part(name)
    return Entry(part, part.parameters(), key or name, **places)


def _tabled(key: str, table: Mapping[str, Any], **places: Any) -> Entry:
    part, numbers = part_numbers(table, key)
    return Entry(part, numbers, key, **places)


def _crowds(scenario: Scenario, phase: str) -> Iterator[Entry]:
    for population in scenario.population:
        found = population_numbers(population)
        key = f"population.{population.name}"
        if found.part is not None and found.part.phase == phase:
            yield Entry(found.part, found.numbers, key, population.name)
        elif found.solo is not None and phase == "decisions":
            yield Entry(find_part("solo"), found.numbers, key, population.name, solo=found.solo)


def _shocks(scenario: Scenario) -> Iterator[Entry]:
    markets = [market.name for market in scenario.market]
    underlyings = [underlying.name for underlying in scenario.underlying]
    for i, table in enumerate(scenario.shock):
        key = f"shock.{i}"
        yield _tabled(
            key,
            _without_names(table),
            market=_place(f"{key}.market", table.get("market"), markets),
            underlying=_place(f"{key}.underlying", table.get("underlying"), underlyings),
        )


def _place(key: str, name: Any, known: list[str]) -> int:
    if name is None:
        return -1
    if name not in known:
        raise ParameterError(f"{key} = {name!r}: there are {', '.join(known)}")
    return known.index(name)


def _before_agents(scenario: Scenario) -> Iterator[Entry]:
    """Phases scenario, oracles and marks."""
    venue = scenario.venue
    yield _plain("transfers")
    yield from _shocks(scenario)
    for key, table in _reference(scenario):
        if key == "reference":
            yield _tabled(key, table)
    for u in range(len(scenario.underlying)):
        yield _tabled(*path_of(scenario, u), underlying=u)
    yield from _crowds(scenario, "oracles")
    for u in range(len(scenario.underlying)):
        yield _tabled("venue.oracle", venue.oracle, underlying=u)
    if venue.circuit_breaker is not None:
        for m, market in enumerate(scenario.market):
            if market.kind != "option":
                yield _tabled("venue.circuit_breaker", venue.circuit_breaker, market=m)
    yield _tabled("venue.mark", venue.mark)
    if scenario.option:
        yield _tabled("venue.option_mark", venue.option_mark)
    yield from _risk(scenario)
    yield _tabled("venue.funding", venue.funding)
    if any(market.kind == "pool" for market in scenario.market):
        yield _tabled("venue.pool_fees", venue.pool_fees)
    yield _tabled("venue.interest", venue.interest)
    yield from _stops(scenario)


def _risk(scenario: Scenario, **places: Any) -> Iterator[Entry]:
    """The part that renews what accounts share under a risk model, where there is one."""
    if scenario.venue.has_model:
        yield _plain("risk_renewal", **places)


def _stops(scenario: Scenario, **places: Any) -> Iterator[Entry]:
    """The part that sends stop orders, where a population may place any."""
    for population in scenario.population:
        found = population_numbers(population)
        home = found.solo or importlib.import_module(found.part.kernel.__module__)  # type: ignore[union-attr]
        needed = getattr(home, "stops_needed", None)
        position = population.position
        has_first = position is not None and position.stops is not None
        if has_first or (needed and needed(found.numbers, len(population.markets)) > 0):
            yield _tabled("venue.stops", scenario.venue.stops, **places)
            return


def _margin(scenario: Scenario) -> Iterator[Entry]:
    for m, market in enumerate(scenario.market):
        if market.open_interest_scale is not None:
            scale = market.open_interest_scale
            unit = 10.0 ** -scenario.asset[0].decimals
            table = {"kind": "open_interest", "unit": unit, **scale.model_dump()}
            yield _tabled(f"market.{market.name}.open_interest_scale", table, market=m)
    yield from _own_model(scenario)
    yield from _top_up(scenario)
    yield _plain("states")


def _top_up(scenario: Scenario, **places: Any) -> Iterator[Entry]:
    """The part that moves what owners keep apart, where somebody could be liquidated otherwise."""
    table = scenario.venue.accounts.top_up
    if table is not None and scenario.venue.waterfall:
        numbers = {"kind": "top_up", "below": table.below, "to": table.to}
        yield _tabled("venue.accounts.top_up", numbers, **places)


def _own_model(scenario: Scenario, **places: Any) -> Iterator[Entry]:
    """The part in whose place a risk model written in Python measures all accounts."""
    if scenario.venue.risk_model is not None:
        yield _plain("own_numbers", OWN_MODEL, **places)


def _liquidation(scenario: Scenario) -> Iterator[Entry]:
    """One round: the waterfall and, after a forced order, what it changes."""
    yield _tabled("venue.queue", scenario.venue.queue)
    for i, table in enumerate(scenario.venue.waterfall):
        yield from _with_keepers(scenario, _tabled(f"venue.waterfall.{i}", table))
    yield _tabled("venue.mark", scenario.venue.mark, after_forced=True)
    if scenario.option:
        yield _tabled("venue.option_mark", scenario.venue.option_mark, after_forced=True)
    yield from _risk(scenario, after_forced=True)
    yield from _stops(scenario, after_forced=True)
    yield from _own_model(scenario, after_forced=True)
    yield from _top_up(scenario, after_forced=True)
    yield _plain("states", after_forced=True)
    for entry in _crowds(scenario, "decisions"):
        if _is_a(entry.part, "makers") or (scenario.option and _is_a(entry.part, "option_makers")):
            yield replace(entry, after_forced=True)
    yield _plain("inbox", after_forced=True)
    yield _plain("round", after_forced=True)


def _is_a(part: Part, name: str) -> bool:
    """Tell whether a part is a built-in one, by whatever path a scenario names it."""
    return part.kernel is find_part(name).kernel


def _with_keepers(scenario: Scenario, entry: Entry) -> Iterator[Entry]:
    """A part that keepers bid for stands once for every population of keepers."""
    if getattr(entry.numbers, "keepers_count", None) != 0:  # none to fill, or set by hand
        yield entry
        return
    for keepers in _crowds(scenario, "decisions"):
        if _is_a(keepers.part, "keepers"):
            yield replace(entry, keepers=keepers.population)


def program_of(scenario: Scenario) -> list[Entry]:
    """Parts of a scenario in the order in which they run in every block."""
    margin = [*_margin(scenario), *_liquidation(scenario)] if scenario.venue.waterfall else []
    margin = margin or list(_margin(scenario))
    agents = [*_crowds(scenario, "decisions"), _plain("inbox")]
    first = scenario.venue.liquidate == "before_matching"
    middle = [*margin, *agents] if first else [*agents, *margin]
    return [*_before_agents(scenario), *middle, *_records(scenario)]


def _records(scenario: Scenario) -> Iterator[Entry]:
    """The end of a block: options expire, then what happened is written down."""
    if scenario.option:
        yield _plain("expiry")
        yield _tabled("venue.option_greeks", scenario.venue.option_greeks)
    warning = _tabled("run.early_warning", scenario.run.early_warning)
    if getattr(warning.numbers, "every", 1.0) > 0:
        yield warning
    record, numbers = part_numbers({"kind": "record", "depth_band": scenario.run.depth_band}, "run")
    yield Entry(record, numbers, "run")


def numbers_row(entry: Entry) -> list[float]:
    """Numbers of an entry as a row of `params`."""
    return row_of(entry.numbers)
