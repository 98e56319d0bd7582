"""Accounts and groups of accounts as people write them, and the rows that they name."""

import re
from typing import Any

import numpy as np

from crossmargin.experiments.load import did_you_mean
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import Array
from crossmargin.model.world import World

#: A population and the place in it: `longs:12`, or as labels have it, `longs 12`.
PLACED = re.compile(r"(?P<population>.+?)[: ](?P<index>\d+)")
#: The group of all accounts of the venue.
VENUE = "venue"


def people_of(world: World) -> Array:
    """(n,) int64, rows of all accounts of populations."""
    return np.flatnonzero(world.state.ledger.accounts["population"] >= 0)


def account_row(world: World, name: Any) -> int:
    """Row of an account by its number, as `population:index`, or by the name of a whale.

    Raises
    ------
    ParameterError
        When there is no such account, with what there is.
    """
    if isinstance(name, bool) or not isinstance(name, int | str | np.integer):
        raise ParameterError(f"account = {name!r}: write a row number or population:index")
    text = str(name).strip()
    whales = dict(world.notes.get("initial", {}).get("whales", {}))
    if text in whales:
        return int(whales[text])
    if re.fullmatch(r"-?\d+", text):
        return _by_number(world, int(text))
    placed = PLACED.fullmatch(text)
    if placed is None:
        known = [*whales, *(f"{population}:0" for population in world.names.populations)]
        raise ParameterError(f"account = {text!r}: there is none; {did_you_mean(text, known)}")
    return _by_place(world, placed["population"], int(placed["index"]))


def _by_number(world: World, row: int) -> int:
    rows = people_of(world)
    if row not in rows:
        raise ParameterError(
            f"account = {row}: there is no account in that row; rows {rows.min()} to "
            f"{rows.max()} are accounts"
        )
    return row


def _by_place(world: World, population: str, index: int) -> int:
    rows = population_rows(world, population, "account")
    found = rows[world.state.ledger.accounts["index"][rows] == index]
    if not len(found):
        raise ParameterError(
            f"account = '{population}:{index}': {population} has the accounts 0 to {len(rows) - 1}"
        )
    return int(found[0])


def population_rows(world: World, name: str, key: str) -> Array:
    """(n,) int64, rows of a population.

    Raises
    ------
    ParameterError
        When there is none of that name.
    """
    names = world.names.populations
    if name not in names:
        raise ParameterError(f"{key} = {name!r}: no such population; {did_you_mean(name, names)}")
    return np.flatnonzero(world.state.ledger.accounts["population"] == names.index(name))


def group_rows(world: World, name: Any) -> Array:
    """(n,) int64, rows of a group: a population, `owner:12`, or `venue` for all accounts.

    Raises
    ------
    ParameterError
        When there is no such group.
    """
    text = str(name).strip()
    if text == VENUE:
        return people_of(world)
    if not text.startswith("owner:"):
        return population_rows(world, text.removeprefix("population:"), "spare_group")
    rows = people_of(world)
    owners = world.state.ledger.accounts["owner"][rows]
    number = text.removeprefix("owner:")
    found = rows[owners == int(number)] if number.isdigit() else rows[:0]
    if not len(found):
        raise ParameterError(f"spare_group = {text!r}: no account has that owner")
    return found


def label_of(world: World, row: int) -> str:
    """Name of an account as labels have it: `longs 12`."""
    account = world.state.ledger.accounts[row]
    return f"{world.names.populations[int(account['population'])]} {int(account['index'])}"
