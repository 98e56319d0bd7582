"""What risk models read and write: holdings of all accounts, terms of instruments, five numbers.

A risk model is made of parts, one a file of this folder. Each part has a kernel `..._of` that gives
its share of five numbers of one account, and one that adds it for all rows, in the order of
instruments, one account after the other: the same account gets the same bits whatever the batch.
Amounts are lots (int64) or natural units (float64): `lot` of an instrument says what one is worth.
Prices and money are quote, as floats; who keeps money as integers rounds the five numbers against
the account.

    raw equity, entry equity, maintenance equity, entry requirement, maintenance requirement
"""

from typing import NamedTuple

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.options.series import SERIES as SERIES
from crossmargin.model.state import Array

#: Columns of the numbers of an account, quote.
EQUITY, INITIAL_EQUITY, MAINTENANCE_EQUITY, INITIAL, MAINTENANCE = range(5)

#: A collateral asset.
COIN = np.dtype(
    [
        ("lot", "f8"),  # whole coins of one unit held
        ("price", "f8"),  # quote per coin
        ("low", "f8"),  # quote per coin at which it counts for entry when held
        ("high", "f8"),  # quote per coin at which it counts for entry when owed
        ("initial", "f8"),  # fraction of its value that counts for entry
        ("maintenance", "f8"),  # fraction that counts against liquidation
        ("owed_initial", "f8"),  # multiple of its value that a debt counts, entry
        ("owed_maintenance", "f8"),  # the same, liquidation
        ("size_discount", "f8"),  # per root coin, larger holdings count less
        ("scale", "f8"),  # multiple of the entry weight of all accounts
        ("owed_scale", "f8"),  # multiple of the entry weight of debts of all accounts
        ("confidence", "f8"),  # of its price feed, 0 to 1
        ("underlying", "i4"),  # row of the underlying whose price it has, -1 none
        ("owed_is_required", "i4"),  # 1 where a debt is a requirement, not negative equity
    ],
    align=True,
)

#: A perpetual.
PERPETUAL = np.dtype(
    [
        ("lot", "f8"),  # base of one unit held
        ("price", "f8"),  # mark, quote per base
        ("low", "f8"),  # quote per base at which a long counts for entry
        ("high", "f8"),  # quote per base at which a short counts for entry
        ("confidence", "f8"),  # of its price feed, 0 to 1
        ("underlying", "i4"),  # row of its underlying
    ],
    align=True,
)


class Holdings(NamedTuple):
    """What accounts hold; a row is an account."""

    coins: Array  # (n_accounts, n_coins), negative when owed
    perps: Array  # (n_accounts, n_perps), signed
    cost: Array  # (n_accounts, n_perps) float64, quote paid for the position
    bids: Array  # (n_accounts, n_perps), resting
    asks: Array  # (n_accounts, n_perps), resting
    options: Array  # (n_accounts, n_series), contracts, signed


class Terms(NamedTuple):
    """What instruments are worth; the same for every account."""

    coins: Array  # (n_coins,) COIN
    perps: Array  # (n_perps,) PERPETUAL
    series: Array  # (n_series,) SERIES, by underlying, expiry and strike
    spot: Array  # (n_underlyings,) float64, index price, quote per base


@kernel
def up(amount, quantum):
    """Round an amount up to whole quanta, what a float lacks by rounding forgiven; 0 leaves it."""
    if quantum <= 0.0:
        return amount
    steps = amount / quantum
    return quantum * np.ceil(steps - 1e-15 * abs(steps) - 1e-12)


@kernel
def add(numbers, row, found):
    """Add five numbers to those of an account."""
    numbers[row, EQUITY] += found[0]
    numbers[row, INITIAL_EQUITY] += found[1]
    numbers[row, MAINTENANCE_EQUITY] += found[2]
    numbers[row, INITIAL] += found[3]
    numbers[row, MAINTENANCE] += found[4]
    return 0


@kernel
def options_value(options, series, row):
    """Options of an account at their marks, quote."""
    value = 0.0
    for i in range(series.shape[0]):
        if options[row, i] != 0:
            value += options[row, i] * series[i].lot * series[i].mark
    return value


@kernel(python=True)
def clear(numbers):
    """Begin anew."""
    for row in range(numbers.shape[0]):
        for k in range(5):
            numbers[row, k] = 0.0
    return 0
