r"""What all reference markets share: the venue pushes back, and the price is published.

log price = path + scheduled shocks + lasting + passing push. Arbitrageurs who bought :math:`q` base
outside since the last block (negative: sold) move the log price by

.. math:: e \, q P / V

with elasticity :math:`e` and the daily volume :math:`V`; a share of it is lasting, the rest
decays with a half-life. The impact is linear, so that it sums over blocks of any length.

The volume is published, and who hedges outside or follows the trend there bounds itself by it, as
one who does not know the elasticity and takes it for 1: arbitrageurs who bought more than closes
the gap that they see would push the price beyond it, and a fund that grew with the gains that its
own purchases make would drive a small market anywhere. What they do does not depend on the
elasticity, so that the push of the venue can be reckoned at another one from the same trades.

References
----------
Cont, Kukanov, Stoikov (2014), "The price impact of order book events", J. Financial Econometrics
12(1), doi:10.1093/jjfinec/nbt003: price changes are linear in order flow.
Donier, Bonart (2015), "A million metaorder analysis of market impact on the bitcoin",
arXiv:1412.4503: the impact of uninformed flow decays almost completely.
"""

import math

import numpy as np

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import YEAR
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.state import NOT_FINITE


class Feedback(Numbers):
    """How arbitrage on the venue moves the reference, and how its volatility is measured."""

    elasticity: float = number(
        1.0,
        "log price per daily volume bought",
        low=0,
        high=100,
        source="meets the square-root law with Y = 1 at 0.1% of daily volume, volatility 3% a day",
        doc="0 makes the outside world infinitely deep.",
    )
    daily_volume: float = number(
        1e10, "quote a day", above=0, doc="Traded a day on all outside markets together."
    )
    permanent: float = number(
        0.25,
        "fraction",
        low=0,
        high=1,
        source="arXiv:1412.4503, small for uninformed flow",
        doc="Share of the push that does not decay.",
    )
    half_life: float = number(1800.0, "s", above=0, doc="Of the push that decays.")
    volatility_half_life: float = number(
        3600.0, "s", above=0, doc="Of the moving average of squared returns."
    )


F = slots(Feedback)


@kernel
def begin_volatility(reference, per_year):
    """Start the estimate of volatility from a yearly one, where it has no value yet."""
    if reference.volatility == 0.0:
        reference.volatility = per_year / math.sqrt(YEAR)


@kernel
def absorb(reference, numbers, seconds):
    """Move lasting and passing push by the flow since the last block; forget what is of a block."""
    moved = numbers[F.elasticity] * reference.flow * reference.price / numbers[F.daily_volume]
    reference.lasting += numbers[F.permanent] * moved
    reference.passing *= 0.5 ** (seconds / numbers[F.half_life])
    reference.passing += (1.0 - numbers[F.permanent]) * moved
    reference.flow = 0.0
    reference.unhedged = 0.0


@kernel
def renew_volatility(reference, change, seconds, half_life):
    """Advance the moving average of squared log returns per second."""
    kept = 0.5 ** (seconds / half_life)
    squared = kept * reference.volatility**2 + (1.0 - kept) * change**2 / seconds
    reference.volatility = math.sqrt(squared)


@kernel
def publish(state, part, step):
    """Take the push of the venue since the last block in, and show the price that follows."""
    u = np.int64(state.parts[part].underlying)
    absorb(state.outside.references[u], state.params[part], state.clock[0].block_seconds)
    return show(state, part, step)


@kernel
def show(state, part, step):
    """Renew price, trail and volatility of the underlying of a part from its log price."""
    u, seconds = np.int64(state.parts[part].underlying), state.clock[0].block_seconds
    reference, trail = state.outside.references[u], state.outside.trail
    numbers = state.params[part]
    reference.turnover = numbers[F.daily_volume]
    total = reference.base_log + reference.shock + reference.lasting + reference.passing
    reference.price = math.exp(total)
    if not (0.0 < reference.price < np.inf):
        state.clock[0].fault = NOT_FINITE
    if step == 0:
        trail[u, :] = total
    else:
        change = total - trail[u, (step - 1) % trail.shape[1]]
        renew_volatility(reference, change, seconds, numbers[F.volatility_half_life])
    trail[u, step % trail.shape[1]] = total
    return 0
