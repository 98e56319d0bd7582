"""A snapshot that may be shown: names hashed, rows shuffled, amounts rounded, the small merged.

It hides who an account is from somebody who knows nothing but its name. It does not hide an account
from somebody who knows what it holds: amounts are those of the book, to the digits that are kept,
and on a public chain anybody can look them up. A large position is known by its size alone however
it is rounded, entry prices tell when it was opened, and two snapshots of one book can be joined by
what did not change between them. Round to few digits, merge generously, and treat what comes out
as confidential where the book is.

References
----------
Sweeney (2002), "k-anonymity: a model for protecting privacy", International Journal of Uncertainty,
Fuzziness and Knowledge-Based Systems 10(5), doi:10.1142/S0218488502001648; what it leaves open:
Machanavajjhala, Kifer, Gehrke, Venkitasubramaniam (2007), "l-diversity", ACM Transactions on
Knowledge Discovery from Data 1(1), doi:10.1145/1217299.1217302.
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np

from crossmargin.experiments.snapshots.accounts import Accounts
from crossmargin.experiments.snapshots.exact import Integers
from crossmargin.experiments.snapshots.grid import Grid
from crossmargin.experiments.snapshots.merging import merge_small
from crossmargin.model.ledger import QUOTE
from crossmargin.model.parts import Numbers, number


class Disguise(Numbers):
    """How far a snapshot is changed; names and the order of rows always are."""

    digits: int = number(
        0, "significant digits", low=0, high=15, doc="Kept of amounts and entries; 0 keeps all."
    )
    merge_below: float = number(
        0.0, "quote", low=0, high=1e12, doc="Accounts with less equity are merged; 0: none."
    )
    k: int = number(5, "accounts", low=2, high=10_000, doc="At least so many become one.")


def anonymise(
    accounts: Accounts, grid: Grid, disguise: Disguise, salt: bytes | None = None
) -> Accounts:
    """Accounts that are told apart by nothing but what they hold.

    Positions still sum to zero, and nobody's equity falls below zero who had some. Rows of the
    venue stay as they are.

    Parameters
    ----------
    salt : bytes, optional
        Of the hashes and of the order; a fresh secret by default, which is kept nowhere.
    """
    secret = secrets.token_bytes(32) if salt is None else salt
    own = ~accounts.is_system
    people, venue = _rows(accounts, np.flatnonzero(own)), _rows(accounts, np.flatnonzero(~own))
    if disguise.merge_below > 0:
        people = merge_small(people, grid, disguise.merge_below, disguise.k)
    if disguise.digits > 0:
        people = _rounded(people, venue, grid, disguise.digits)
    shuffled = _rows(_renamed(people, secret), _order(len(people.ids), secret))
    return replace(_joined(shuffled, venue), notes=people.notes)


def _rows(accounts: Accounts, rows: Integers) -> Accounts:
    """Some accounts, in some order."""
    return Accounts(
        [accounts.ids[i] for i in rows],
        [accounts.populations[i] for i in rows],
        [accounts.owners[i] for i in rows],
        accounts.only_market[rows],
        accounts.balances[rows],
        accounts.lots[rows],
        accounts.cost[rows],
        accounts.outside[rows],
    )


def _joined(first: Accounts, last: Accounts) -> Accounts:
    """Accounts of both, those of the first before those of the last."""
    names = ("only_market", "balances", "lots", "cost", "outside")
    parts = {name: np.concatenate([getattr(a, name) for a in (first, last)]) for name in names}
    return Accounts(
        first.ids + last.ids,
        first.populations + last.populations,
        first.owners + last.owners,
        **parts,  # type: ignore[arg-type]
    )


# Names ------------------------------------------------------------------------------------------


def hashed(name: str, salt: bytes) -> str:
    """Name that says nothing to whoever lacks the salt; 20 hex digits."""
    return hashlib.blake2b(name.encode(), key=salt, digest_size=10).hexdigest()


def _renamed(accounts: Accounts, salt: bytes) -> Accounts:
    """Hashed names; accounts of one owner go on having one owner, who has a new name."""
    shared = {owner for owner, n in Counter(accounts.owners).items() if n > 1} - {""}
    owners = [f"o{hashed('owner ' + o, salt)}" if o in shared else "" for o in accounts.owners]
    return replace(accounts, ids=[f"a{hashed(name, salt)}" for name in accounts.ids], owners=owners)


def _order(n: int, salt: bytes) -> Integers:
    seed = int.from_bytes(hashlib.blake2b(b"order", key=salt).digest(), "little")
    return np.random.default_rng(seed).permutation(n)


# Amounts ----------------------------------------------------------------------------------------


def to_digits(amounts: Integers, digits: int) -> Integers:
    """Whole amounts to so many significant digits, halves away from zero."""
    sizes = np.abs(amounts)
    places = np.floor(np.log10(np.maximum(sizes, 1))).astype(np.int64)
    step = 10 ** np.maximum(0, places - digits + 1)
    return np.asarray(np.sign(amounts) * ((sizes + step // 2) // step * step))


def _rounded(people: Accounts, venue: Accounts, grid: Grid, digits: int) -> Accounts:
    """Rounded amounts and entry prices; what positions no longer sum to goes to the largest."""
    before = people.equity(grid)
    balances = to_digits(people.balances, digits)
    lots, cost = people.lots.copy(), people.cost.copy()
    for a, coin in enumerate(grid.assets[1:], 1):
        balances[:, a] -= balances[:, a] % grid.markets[coin.market].lot_units
    for m, market in enumerate(grid.markets):
        if not market.is_spot:
            rest = int(venue.lots[:, m].sum())
            lots[:, m] = matched(to_digits(people.lots[:, m], digits), -rest)
            cost[:, m] = _costs(people.lots[:, m], people.cost[:, m], lots[:, m], digits)
    outside = to_digits(people.outside, digits)
    found = replace(people, balances=balances, lots=lots, cost=cost, outside=outside)
    short = np.where(before >= 0, np.maximum(0, -found.equity(grid)), 0)
    found.balances[:, QUOTE] += short
    return found


def matched(lots: Integers, total: int) -> Integers:
    """Lots that sum to a total: what is too much is taken off the heavy side pro rata."""
    rest = int(lots.sum()) - total
    sign = 1 if rest > 0 else -1
    heavy = np.where(sign * lots > 0, np.abs(lots), 0)
    shares = [abs(rest) * int(upto) // max(1, int(heavy.sum())) for upto in np.cumsum(heavy)]
    return np.asarray(lots - sign * np.diff(np.array(shares, np.int64), prepend=0))


def _costs(old: Integers, cost: Integers, new: Integers, digits: int) -> Integers:
    """Costs of changed positions at entry prices of so many digits."""
    found = np.zeros_like(cost)
    for i in np.flatnonzero(new):
        entry = Decimal(int(cost[i])) / Decimal(int(old[i]))
        found[i] = int((Decimal(f"{entry:.{digits}g}") * int(new[i])).to_integral_value())
    return found


# What is preserved --------------------------------------------------------------------------------

#: Leverages below which a share of open interest is told.
LEVERAGES = (2.0, 5.0, 10.0, 20.0)


def comparison(before: Accounts, after: Accounts, grid: Grid) -> list[tuple[str, float, float]]:
    """What a risk study looks at, by name, before and after."""
    both, one = (before, after), float(grid.assets[QUOTE].unit)
    rows: list[tuple[str, Sequence[float]]] = [
        ("accounts", [len(a.ids) for a in both]),
        (f"equity, {grid.assets[QUOTE].name}", [float(a.equity(grid).sum()) * one for a in both]),
    ]
    for m, market in enumerate(grid.markets):
        if not market.is_spot:
            lots = [float(np.abs(a.lots[:, m]).sum()) / 2 * float(market.lot) for a in both]
            rows.append((f"open interest {market.name}", lots))
    for edge in LEVERAGES:
        rows.append((f"notional at leverage above {edge:g}", [_above(a, grid, edge) for a in both]))
    return [(name, float(old), float(new)) for name, (old, new) in rows]


def gross_notional(accounts: Accounts, grid: Grid) -> np.ndarray:
    """Notional of all positions at the marks, quote units."""
    values = [float(market.mark) * market.half_unit for market in grid.markets]
    return np.asarray(np.abs(accounts.lots) @ np.array(values))


def _above(accounts: Accounts, grid: Grid, edge: float) -> float:
    """Share of notional that is held at more than a leverage."""
    notional, equity = gross_notional(accounts, grid), accounts.equity(grid)
    total = float(notional.sum())
    return float(notional[notional > edge * np.maximum(equity, 0)].sum()) / total if total else 0.0
