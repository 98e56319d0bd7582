r"""A common factor with stochastic volatility, regimes and jumps, which underlyings load on.

The factor's volatility in regime k (calm or stressed) is

.. math:: \sigma = \sigma_k \exp(x + y + w - s_x^2 - s_y^2 - s_w^2)

where x (of hours), y (of days) and w (of minutes) are Ornstein-Uhlenbeck processes with mean zero
and stationary deviations :math:`s_x, s_y, s_w`, so that the mean square of :math:`\sigma` in a
regime is :math:`\sigma_k^2`. All begin with a draw from their stationary law. Two time scales are
what the slow decay of the autocorrelation of absolute hourly returns asks for; within the hour it
decays only with a third, the bursts of minutes, which hourly data cannot tell and which are off
unless they are asked for. A fall of the factor raises x
(leverage effect): the normal that moves the price in a block has correlation :math:`\rho` with the
one that moves x at the end of it. The regime is a Markov chain in continuous time; jumps are
Poisson with the regime's intensity, their sizes normal.

Regime and both log volatilities are advanced by their exact laws, so that at any moment their
distribution does not depend on the length of a block. Within a block they stay what they were at
its start, so results converge as blocks get shorter, with an error of the order of a block over
the shorter half-life. An underlying with loadings :math:`\beta_k`, own volatility
:math:`\iota_k` and jump loading b moves by (see `factor_loading`)

.. math:: \beta_k \sigma\,dW + \iota\,dW_u + b\,J\,dN + \text{drift}

and its variance a year, the average over time, is (see `moments`)

.. math:: \sum_k \pi_k \left[\beta_k^2 \sigma_k^2 + \iota_k^2 + b^2 \lambda_k (m^2 + s^2)\right].

An underlying that loads with :math:`\beta = 1` and has no volatility of its own is Bitcoin: with
the numbers below the hourly returns of paths as long as the record have, in the median, the
deviation, the kurtosis, the autocorrelations of absolute returns and the tail index of BTC-USD in
2024 and 2025 (experiments/data; a test holds them to bands).

References
----------
Chernov, Gallant, Ghysels, Tauchen (2003), "Alternative models for stock price dynamics", Journal
of Econometrics 116, doi:10.1016/S0304-4076(03)00108-8: two volatility factors, one fast.
Tegner, Poulsen (2018), "Volatility is log-normal, but not for the reason you think", Risks 6(2),
doi:10.3390/risks6020046: a fast mean-reverting log-normal volatility fits intraday data best.
Hamilton (1989), Econometrica 57(2), doi:10.2307/1912559: regimes as a Markov chain.
"""

import math
from typing import Literal

import numpy as np

from crossmargin.model.draws import PATH, normal, population_key, uniforms
from crossmargin.model.kernel import kernel
from crossmargin.model.markets import YEAR
from crossmargin.model.parts import Numbers, number, slots
from crossmargin.model.reference.jump_diffusion import poisson
from crossmargin.model.reference.two_regimes import CALM, STRESSED, switch_probability

KEY = np.uint64(population_key("factor"))
FITTED = "fitted with the others to BTC-USD hourly 2024-2025 (experiments/data)"


class Parameters(Numbers):
    """Two regimes, three time scales of volatility, jumps."""

    calm_volatility: float = number(
        0.44, "per root year", low=0, high=20, source=FITTED, doc="Root mean square, jumps apart."
    )
    stressed_volatility: float = number(
        0.95, "per root year", low=0, high=20, source=FITTED, doc="Likewise."
    )
    calm_duration: float = number(
        1728000.0, "s", above=0, doc="Mean time from stress to stress; 20 days, a default."
    )
    stressed_duration: float = number(
        172800.0, "s", above=0, doc="Mean time that stress lasts; 2 days, a default."
    )
    start: Literal["drawn", "calm", "stressed"] = number(
        "drawn", "regime", doc="The first; drawn by the share of time that each lasts."
    )
    fast_deviation: float = number(
        0.38, "log volatility", low=0, high=2, source=FITTED, doc="Stationary, of the fast part."
    )
    fast_half_life: float = number(5400.0, "s", above=0, source=FITTED)
    slow_deviation: float = number(
        0.36, "log volatility", low=0, high=2, source=FITTED, doc="Stationary, of the slow part."
    )
    slow_half_life: float = number(216000.0, "s", above=0, source=FITTED)
    burst_deviation: float = number(
        0.0, "log volatility", low=0, high=2, doc="Stationary, of the bursts of minutes; 0: none."
    )
    burst_half_life: float = number(600.0, "s", above=0, source="default of its own")
    leverage: float = number(
        -0.1,
        "correlation",
        low=-1,
        high=1,
        source="weak: return with the next hour's |return| -0.03 on BTC-USD hourly 2024-2025",
        doc="Of the factor's move with that of its fast log volatility.",
    )
    calm_intensity: float = number(
        15.0, "jumps a year", low=0, high=100000, source=FITTED, doc="Of joint jumps."
    )
    stressed_intensity: float = number(125.0, "jumps a year", low=0, high=100000, source=FITTED)
    jump_mean: float = number(-0.003, "log price", low=-2, high=2, source=FITTED)
    jump_deviation: float = number(0.015, "log price", low=0, high=2, source=FITTED)


P = slots(Parameters)
DRAWN, FROM_CALM, FROM_STRESS = range(3)


@kernel
def share_of_stress(numbers):
    """Share of time that is stressed."""
    calm, stressed = numbers[P.calm_duration], numbers[P.stressed_duration]
    return stressed / (calm + stressed)


@kernel
def log_shift(numbers):
    """What the logarithm of volatility is lowered by, so that its mean square is as stated."""
    hours_and_days = numbers[P.fast_deviation] ** 2 + numbers[P.slow_deviation] ** 2
    return hours_and_days + numbers[P.burst_deviation] ** 2


@kernel
def begin(factor, numbers, draws):
    """Regime and log volatilities before the first block, from four uniforms."""
    chance, fast, slow, burst = draws
    is_stressed = numbers[P.start] == FROM_STRESS
    if numbers[P.start] == DRAWN:
        is_stressed = chance < share_of_stress(numbers)
    factor.regime = STRESSED if is_stressed else CALM
    factor.fast = numbers[P.fast_deviation] * normal(fast)
    factor.slow = numbers[P.slow_deviation] * normal(slow)
    factor.burst = numbers[P.burst_deviation] * normal(burst)


@kernel
def hold(factor, numbers):
    """Take regime and volatility of this block from what they are at its start."""
    stressed = factor.regime == STRESSED
    level = numbers[P.stressed_volatility] if stressed else numbers[P.calm_volatility]
    factor.held = factor.regime
    log_volatility = factor.fast + factor.slow + factor.burst - log_shift(numbers)
    factor.volatility = level * math.exp(log_volatility)
    rate = numbers[P.stressed_intensity] if stressed else numbers[P.calm_intensity]
    factor.intensity = rate
    factor.jump_mean, factor.jump_deviation = numbers[P.jump_mean], numbers[P.jump_deviation]


@kernel
def jump(factor, years, first, second):
    """Sum of the sizes of the jumps of a block, from two uniforms."""
    n = poisson(first, factor.intensity * years)
    return n * factor.jump_mean + math.sqrt(n) * factor.jump_deviation * normal(second)


@kernel
def reverted(value, deviation, half_life, seconds, draw):
    """Ornstein-Uhlenbeck process some seconds later, from a standard normal; exact."""
    kept = 0.5 ** (seconds / half_life)
    return kept * value + deviation * math.sqrt(1.0 - kept * kept) * draw


@kernel
def renew(factor, numbers, seconds, draws):
    """Regime and log volatilities at the end of a block, from four uniforms."""
    chance, fast, slow, burst = draws
    calm, stressed = numbers[P.calm_duration], numbers[P.stressed_duration]
    if chance < switch_probability(calm, stressed, factor.regime, seconds):
        factor.regime = STRESSED if factor.regime == CALM else CALM
    rho = numbers[P.leverage]
    shock = rho * factor.draw + math.sqrt(1.0 - rho**2) * normal(fast)
    deviation, half_life = numbers[P.fast_deviation], numbers[P.fast_half_life]
    factor.fast = reverted(factor.fast, deviation, half_life, seconds, shock)
    deviation, half_life = numbers[P.slow_deviation], numbers[P.slow_half_life]
    factor.slow = reverted(factor.slow, deviation, half_life, seconds, normal(slow))
    deviation, half_life = numbers[P.burst_deviation], numbers[P.burst_half_life]
    factor.burst = reverted(factor.burst, deviation, half_life, seconds, normal(burst))


@kernel
def factor_model(state, part, step):
    """Draw what the factor does in a block; the first block only has its volatility."""
    clock, factor, numbers = state.clock[0], state.outside.factor[0], state.params[part]
    move, chance, fast, slow = uniforms(clock.seed, KEY, PATH, step, 0)
    count, size, burst, _ = uniforms(clock.seed, KEY, PATH, step, 1)
    if step == clock.first:
        begin(factor, numbers, (chance, fast, slow, burst))
        hold(factor, numbers)
        return 0
    hold(factor, numbers)
    factor.draw = normal(move)
    factor.jump = jump(factor, clock.block_seconds / YEAR, count, size)
    renew(factor, numbers, clock.block_seconds, (chance, fast, slow, burst))
    return 1


PHASE = "scenario"
KERNEL = factor_model
LOADING = "factor_loading"  # part that moves each underlying by it
