r"""How an underlying loads on the common factor, and what it does on its own, quote per base.

In a block of t years the log price moves by

.. math:: \mu t - \tfrac12(\beta_k^2\sigma^2 + \iota^2)\,t + \beta_k\sigma\sqrt t\,z
          + \iota\sqrt t\,z_u + b\,J - \lambda_k t\,(e^{b m + b^2 s^2/2} - 1)

with regime k, volatility :math:`\sigma`, draw z and jumps J of the factor (see `factor_model`). All
underlyings share z and J; each has a draw :math:`z_u` of its own, keyed by its name, so that one
more underlying moves no other's path. The last term keeps the expected price growing at the drift
:math:`\mu` in every block. Its own volatility :math:`\iota = \iota_k \exp(w - s_w^2)` has the root
mean square :math:`\iota_k`; w is an Ornstein-Uhlenbeck process. Scheduled shocks to volatility
multiply both volatilities.

Correlation rises in stress where :math:`\beta_k\sigma_k` grows more than :math:`\iota_k` does:
between an underlying and one that is the factor itself it is
:math:`\beta_k\sigma_k / \sqrt{\beta_k^2\sigma_k^2 + \iota_k^2}`, jumps apart.

References
----------
Binance Research (2020), "How has the recent market turmoil impacted cryptocurrencies?": BTC and ETH
correlate by 0.93 in the first quarter of 2020. Arcane Research (2022), "A very correlated crypto
market": 90-day correlation 0.78 at the start of 2022, 0.95 in May 2020.
"""

import math

import numpy as np

from crossmargin.model.draws import PATH, normal, uniforms
from crossmargin.model.factors.factor_model import reverted
from crossmargin.model.kernel import kernel
from crossmargin.model.markets import YEAR
from crossmargin.model.parts import number, slots
from crossmargin.model.reference.feedback import Feedback, begin_volatility, publish
from crossmargin.model.reference.two_regimes import STRESSED


class Parameters(Feedback):
    """Loadings by regime, and what is of the underlying alone."""

    drift: float = number(
        0.0, "per year", low=-10, high=10, doc="Growth rate of the expected price."
    )
    calm_beta: float = number(1.0, "multiple", low=-10, high=10, doc="On the factor's diffusion.")
    stressed_beta: float = number(1.0, "multiple", low=-10, high=10, doc="The same in stress.")
    jump_beta: float = number(1.0, "multiple", low=-10, high=10, doc="On the factor's jumps.")
    calm_volatility: float = number(
        0.0, "per root year", low=0, high=20, doc="Of its own: root mean square."
    )
    stressed_volatility: float = number(0.0, "per root year", low=0, high=20, doc="In stress.")
    log_deviation: float = number(
        0.4, "log volatility", low=0, high=2, doc="Stationary, of its own volatility."
    )
    log_half_life: float = number(216000.0, "s", above=0, doc="Of its own log volatility.")


P = slots(Parameters)


@kernel
def of_regime(factor, calm, stressed):
    """Choose between two numbers by the regime of the block."""
    return stressed if factor.held == STRESSED else calm


@kernel
def own_volatility(reference, factor, numbers):
    """Volatility that is of the underlying alone in this block, per root year."""
    level = of_regime(factor, numbers[P.calm_volatility], numbers[P.stressed_volatility])
    return level * math.exp(reference.own_log - numbers[P.log_deviation] ** 2)


@kernel
def compensator(factor, loading):
    """Growth a year of the expected price by jumps, which the path is lowered by."""
    mean, deviation = loading * factor.jump_mean, loading * factor.jump_deviation
    return factor.intensity * (math.exp(mean + 0.5 * deviation**2) - 1.0)


@kernel
def moved(reference, factor, numbers, years, own_draw):
    """Log return of a block."""
    raised = 1.0 + reference.turbulence
    common = of_regime(factor, numbers[P.calm_beta], numbers[P.stressed_beta])
    common *= factor.volatility * raised
    own = own_volatility(reference, factor, numbers) * raised
    drift = numbers[P.drift] - 0.5 * (common**2 + own**2)
    drift -= compensator(factor, numbers[P.jump_beta])
    diffusion = math.sqrt(years) * (common * factor.draw + own * own_draw)
    return drift * years + diffusion + numbers[P.jump_beta] * factor.jump


@kernel
def expected_volatility(factor, numbers):
    """Volatility of the regime of the block with jumps, per root year."""
    common = of_regime(factor, numbers[P.calm_beta], numbers[P.stressed_beta]) * factor.volatility
    own = of_regime(factor, numbers[P.calm_volatility], numbers[P.stressed_volatility])
    size = numbers[P.jump_beta] ** 2 * (factor.jump_mean**2 + factor.jump_deviation**2)
    return math.sqrt(common**2 + own**2 + factor.intensity * size)


@kernel
def factor_loading(state, part, step):
    """Advance the path of one underlying; the first block has the first price."""
    clock, factor, numbers = state.clock[0], state.outside.factor[0], state.params[part]
    reference = state.outside.references[np.int64(state.parts[part].underlying)]
    reference.regime = factor.held
    draw, fresh, _, _ = uniforms(clock.seed, reference.key, PATH, step, 0)
    if step == 0:
        begin_volatility(reference, expected_volatility(factor, numbers))
        reference.own_log = numbers[P.log_deviation] * normal(fresh)
    else:
        years = clock.block_seconds / YEAR
        reference.base_log += moved(reference, factor, numbers, years, normal(draw))
        deviation, half_life = numbers[P.log_deviation], numbers[P.log_half_life]
        later = reverted(
            reference.own_log, deviation, half_life, clock.block_seconds, normal(fresh)
        )
        reference.own_log = later
    return publish(state, part, step)


PHASE = "scenario"
KERNEL = factor_loading
