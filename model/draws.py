"""Random draws as pure functions of (seed, agent, purpose, step, index).

Philox4x64-10 with key (seed, agent key) and counter (block, purpose, step, 0). The words are those
of `numpy.random.Philox` with the same key and counter, so a Solo agent's NumPy generator and a
Crowd kernel read the same stream. Nothing is remembered between draws: adding an agent, a draw or
a thread moves no other draw, and two runs that differ in one cause differ only by its effects.

References
----------
Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC'11.
Wichura (1988), algorithm AS 241, Applied Statistics 37(3), doi:10.2307/2347330.
"""

import hashlib
import math

import numpy as np

from crossmargin.model.bits import high_product
from crossmargin.model.kernel import kernel

_WORD = np.uint64
MULTIPLIER_A, MULTIPLIER_B = _WORD(0xD2E7470EE14C6C93), _WORD(0xCA5A826395121157)
WEYL_A, WEYL_B = _WORD(0x9E3779B97F4A7C15), _WORD(0xBB67AE8584CAA73B)
ELEVEN = _WORD(11)
UNIT = 1.0 / 9007199254740992.0

#: What a draw is for. One purpose a decision: a new draw gets a number of its own.
DECIDE, ARRIVE, REPORT, PATH, RANK, TOP_UP, BID, TRIGGER = range(8)


def population_key(name: str) -> int:
    """Upper half of an agent key, from the name of its population alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little") << 32


def generator(seed: int, agent_key: int, purpose: int, step: int) -> np.random.Generator:
    """NumPy generator on the stream that `uniforms` reads with the same arguments."""
    key = np.array([seed, agent_key], np.uint64)
    counter = np.array([0, purpose, step, 0], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


@kernel
def philox(block, purpose, step, seed, agent_key):
    """Return four words (uint64) of the stream; block 1 is NumPy's first."""
    c0, c1, c2, c3 = _WORD(block), _WORD(purpose), _WORD(step), _WORD(0)
    k0, k1 = _WORD(seed), _WORD(agent_key)
    for _ in range(10):
        high_0, low_0 = high_product(MULTIPLIER_A, c0), MULTIPLIER_A * c0
        high_1, low_1 = high_product(MULTIPLIER_B, c2), MULTIPLIER_B * c2
        c0, c1, c2, c3 = high_1 ^ c1 ^ k0, low_1, high_0 ^ c3 ^ k1, low_0
        k0 += WEYL_A
        k1 += WEYL_B
    return c0, c1, c2, c3


@kernel
def uniform_of(word):
    """Turn a word into a float in [0, 1), as NumPy's `Generator.random` does."""
    return np.float64(word >> ELEVEN) * UNIT


@kernel
def uniforms(seed, agent_key, purpose, step, block):
    """Return four uniforms in [0, 1); blocks count from 0."""
    a, b, c, d = philox(block + 1, purpose, step, seed, agent_key)
    return uniform_of(a), uniform_of(b), uniform_of(c), uniform_of(d)


@kernel
def _central(q):
    r = 0.180625 - q * q
    above = 2.5090809287301226727e3
    for c in (
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ):
        above = above * r + c
    below = 5.2264952788528545610e3
    for c in (
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ):
        below = below * r + c
    return q * above / below


@kernel
def _near_tail(r):
    above = 7.74545014278341407640e-4
    for c in (
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ):
        above = above * r + c
    below = 1.05075007164441684324e-9
    for c in (
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ):
        below = below * r + c
    return above / below


@kernel
def _far_tail(r):
    above = 2.01033439929228813265e-7
    for c in (
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    ):
        above = above * r + c
    below = 2.04426310338993978564e-15
    for c in (
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    ):
        below = below * r + c
    return above / below


@kernel
def normal(uniform):
    """Standard normal quantile of a uniform in [0, 1): one draw a normal, monotone."""
    q = (uniform - 0.5) + 0.5 * UNIT
    if abs(q) <= 0.425:
        return _central(q)
    tail = uniform + 0.5 * UNIT if q < 0.0 else (1.0 - uniform) - 0.5 * UNIT  # never 0
    r = math.sqrt(-math.log(tail))
    value = _near_tail(r - 1.6) if r <= 5.0 else _far_tail(r - 5.0)
    return -value if q < 0.0 else value


@kernel
def exponential(uniform):
    """Exponential with mean one from a uniform in [0, 1)."""
    return -math.log1p(-uniform)
