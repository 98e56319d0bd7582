"""Traits: what each agent of a population draws once, from a stated distribution.

A distribution is a number, or a table with one entry:

    {uniform = [low, high]}   {exponential = mean}        {normal = [mean, sd]}
    {lognormal = [median, sigma]}   {pareto = [smallest, exponent]}   {bernoulli = probability}
    {choice = [a, b, ...]}   {pareto = [smallest, exponent, largest]}
"""

import sys
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field
from scipy.special import ndtri

from crossmargin.model.draws import uniforms
from crossmargin.model.kernel import kernel

#: What a draw of a trait is for; blocks of four uniforms follow the order of the traits.
TRAITS = 100

#: Distributions by name: how many numbers each takes, and its quantile function.
DISTRIBUTIONS: dict[str, tuple[tuple[int, ...], Any]] = {
    "constant": ((1,), lambda u, x: np.full_like(u, x)),
    "uniform": ((2,), lambda u, low, high: low + (high - low) * u),
    "exponential": ((1,), lambda u, mean: -mean * np.log1p(-u)),
    "normal": ((2,), lambda u, mean, sd: mean + sd * ndtri(u + 2.0**-54)),
    "lognormal": ((2,), lambda u, median, sigma: median * np.exp(sigma * ndtri(u + 2.0**-54))),
    "pareto": ((2, 3), lambda u, low, alpha, top=np.inf: _pareto(u, low, alpha, top)),
    "bernoulli": ((1,), lambda u, p: (u < p).astype(float)),
}


def _pareto(u: NDArray[np.float64], low: float, alpha: float, top: float) -> NDArray[np.float64]:
    kept = 1.0 - (low / top) ** alpha  # share of the mass below the largest value
    return np.asarray(low * (1.0 - kept * u) ** (-1.0 / alpha))


def checked(value: Any) -> Any:
    """Return a distribution as given, if it is one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = {"constant": [float(value)]}
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"{value!r} is neither a number nor a table with one distribution")
    name, numbers = next(iter(value.items()))
    numbers = numbers if isinstance(numbers, list | tuple) else [numbers]
    if any(isinstance(x, bool) or not isinstance(x, int | float) for x in numbers):
        raise ValueError(f"{name}: {numbers} are not all numbers")
    if not all(abs(x) <= sys.float_info.max for x in numbers):
        raise ValueError(f"{name}: {numbers} are not all finite")
    if name == "choice" and numbers:
        return {name: [float(x) for x in numbers]}
    if name not in DISTRIBUTIONS:
        known = ", ".join([*DISTRIBUTIONS, "choice"])
        raise ValueError(f"there is no distribution {name!r}; there are {known}")
    if len(numbers) not in DISTRIBUTIONS[name][0]:
        raise ValueError(f"{name} takes {DISTRIBUTIONS[name][0]} numbers, not {len(numbers)}")
    _check_order(name, numbers)
    return {name: [float(x) for x in numbers]}


def _check_order(name: str, numbers: Any) -> None:
    if name == "uniform" and numbers[0] > numbers[1]:
        raise ValueError(f"uniform: low {numbers[0]} is above high {numbers[1]}")
    if name in ("normal", "lognormal") and numbers[1] < 0:
        raise ValueError(f"{name}: a spread of {numbers[1]} is negative")
    if name == "pareto" and not (numbers[0] > 0 and numbers[1] > 0):
        raise ValueError("pareto: smallest value and exponent must be positive")
    if name == "pareto" and len(numbers) == 3 and numbers[2] < numbers[0]:
        raise ValueError(f"pareto: largest {numbers[2]} is below smallest {numbers[0]}")
    if name == "bernoulli" and not 0 <= numbers[0] <= 1:
        raise ValueError(f"bernoulli: {numbers[0]} is no probability")


Distribution = Annotated[Any, AfterValidator(checked)]


def trait(default: Any, unit: str, *, source: str = "", doc: str = "") -> Any:
    """Field of a traits record: a distribution, with the unit of what is drawn."""
    extra: dict[str, Any] = {"unit": unit, "source": source, "distribution": True}
    return Field(default, validate_default=True, description=doc, json_schema_extra=extra)


@kernel(python=True)
def draw_uniforms(seed, keys, first, out):
    """Fill a row of uniforms for each agent key; columns count from draw `first` of its traits."""
    for i in range(keys.shape[0]):
        for j in range(out.shape[1]):
            four = uniforms(seed, keys[i], TRAITS, 0, (first + j) // 4)
            out[i, j] = four[(first + j) % 4]
    return 0


def quantiles(distribution: Any, uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of a checked distribution at some uniforms in [0, 1)."""
    name, numbers = next(iter(checked(distribution).items()))
    numbers = numbers if isinstance(numbers, list) else [numbers]
    if name == "choice":
        return np.asarray(numbers)[np.minimum(uniform * len(numbers), len(numbers) - 1).astype(int)]
    with np.errstate(all="ignore"):  # what draws infinity is refused by whoever asked for it
        return np.asarray(DISTRIBUTIONS[name][1](uniform, *numbers), float)


def draw(distribution: Any, seed: int, keys: NDArray[np.uint64], which: int) -> NDArray[np.float64]:
    """Draw number `which` of each agent from a distribution.

    Parameters
    ----------
    keys : (n,) uint64
        Agent keys; a draw depends on the seed, the key and `which` alone.
    """
    out = np.empty((len(keys), 1))
    draw_uniforms(np.uint64(seed), keys, which, out)
    return quantiles(distribution, out[:, 0])
