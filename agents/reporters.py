r"""Oracle reporters: they look at a source and push a price when it moved, or when time is up.

What a reporter sees is the source some seconds ago, times its bias and its noise:
:math:`p = e^{\mathrm{bias} + \mathrm{noise}\, z} p_{t - \mathrm{latency}}` with a standard normal
:math:`z` for each look. It pushes `p` when it differs from its last report by more than the
deviation threshold, or when the last report is as old as the heartbeat. The source is the external
reference price of the underlying that its report names from the start, or the mid of the first of
the part's markets on the venue itself.
"""

import math
from typing import Literal

import numpy as np

from crossmargin.model.draws import REPORT, normal, uniforms
from crossmargin.model.kernel import kernel
from crossmargin.model.markets import acts_on
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.traits import Distribution, trait

PHASE = "oracles"
AUTHOR_CLASS = 0

REFERENCE, BOOK = 0, 1


class Parameters(Numbers):
    """What reporters look at and when they push."""

    source: Literal["reference", "book"] = number(
        "reference", "source", doc="The external market, or the mid of the venue's own book."
    )
    noise: float = number(
        0.0001, "log price", low=0, high=1, doc="Standard deviation of what each look sees."
    )
    heartbeat: float = number(
        3.0,
        "s",
        above=0,
        source="Hyperliquid docs: validators publish every 3 s; Chainlink ETH/USD 3600 s",
    )
    deviation: float = number(
        0.001,
        "fraction of the last report",
        low=0,
        high=1,
        source="Chainlink ETH/USD and BTC/USD 0.005, USDC/USD 0.0025",
    )


class Traits(Numbers):
    """How reporters of a population differ."""

    latency: Distribution = trait({"exponential": 1.0}, "s", doc="Age of what is seen.")
    bias: Distribution = trait(0.0, "log price", doc="Of a faulty or bribed reporter.")
    weight: Distribution = trait(1.0, "weight", doc="In a weighted aggregation.")


P = slots(Parameters)
T = slots(Traits)


def slots_needed(numbers: Parameters, n_markets: int) -> int:
    """Handles a reporter needs: none."""
    return 0


def messages_needed(numbers: Parameters, n_markets: int) -> int:
    """Orders a reporter sends: none."""
    return 0


@kernel
def source_row(state, part, underlying):
    """Row of the trail that a part's reporters look at."""
    if state.params[part, P.source] == REFERENCE:
        return np.int64(underlying)
    market = 0
    while market < state.ledger.markets.shape[0] - 1 and not acts_on(state, part, market):
        market += 1
    return state.outside.references.shape[0] + market


@kernel
def seen(state, part, row, underlying, step):
    """Log price that a reporter sees, and whether there is one; mids are a block old at least."""
    trail = state.outside.trail
    age = round(state.crowd.traits[row, T.latency] / state.clock[0].block_seconds)
    is_book = state.params[part, P.source] == BOOK
    moment = max(step - max(age, 1 if is_book else 0), step - trail.shape[1] + 1)
    if moment < 0 and is_book:
        return 0.0, False
    value = trail[source_row(state, part, underlying), max(0, moment) % trail.shape[1]]
    return value, True


@kernel
def is_due(state, part, report, price, step):
    """Tell whether a price is worth a report: heartbeat or deviation."""
    params = state.params[part]
    if (step - report.step) * state.clock[0].block_seconds >= params[P.heartbeat]:
        return True
    return abs(price - report.price) > params[P.deviation] * report.price


@kernel
def look(state, part, row, step):
    """Let one reporter look and, when it should, report; tell whether it did."""
    first = state.parts[part].first_report - state.parts[part].first
    report = state.crowd.reports[first + row]
    value, is_there = seen(state, part, row, report.underlying, step)
    if not is_there:
        return False
    key = state.ledger.accounts[row].key
    z = normal(uniforms(state.clock[0].seed, key, REPORT, step, 0)[0])
    bias = state.crowd.traits[row, T.bias]
    price = math.exp(value + bias + state.params[part, P.noise] * z)
    if not is_due(state, part, report, price, step):
        return False
    report.price = price
    report.step = step
    report.weight = state.crowd.traits[row, T.weight]
    return True


@kernel
def report(state, part, step):
    """Let every reporter look at its source; returns reports pushed."""
    first = state.parts[part].first
    pushed = 0
    for row in range(first, first + state.parts[part].count):
        pushed += look(state, part, row, step)
    return pushed


KERNEL = report
