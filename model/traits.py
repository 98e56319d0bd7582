"""Traits: what each agent of a population draws once, from a stated distribution.

A distribution is a number, or a table with one entry:

    {uniform = [low, high]}   {exponential = mean}        {normal = [mean, sd]}
    {lognormal = [median, sigma]}   {pareto = [smallest, exponent]}   {bernoulli = probability}
    {choice = [a, b, ...]}   {pareto = [smallest, exponent, largest]}
    {mixture = [{share = s, of = distribution}, ...]}

The shares of a mixture are those of agents. Leverage may also be a `mixture_by_notional`, whose
shares are those of the notional held (see `by_agents`).
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


#: Mixtures, whose parts are distributions.
MIXTURE, BY_NOTIONAL = "mixture", "mixture_by_notional"


def checked(value: Any) -> Any:
    """Return a distribution as given, if it is one."""
    if isinstance(value, dict) and len(value) == 1 and MIXTURE in value:
        return {MIXTURE: _checked_parts(MIXTURE, value[MIXTURE])}
    if isinstance(value, dict) and BY_NOTIONAL in value:
        raise ValueError(f"{BY_NOTIONAL}: is for the leverage of a position alone")
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
        known = ", ".join([*DISTRIBUTIONS, "choice", MIXTURE])
        raise ValueError(f"there is no distribution {name!r}; there are {known}")
    if len(numbers) not in DISTRIBUTIONS[name][0]:
        raise ValueError(f"{name} takes {DISTRIBUTIONS[name][0]} numbers, not {len(numbers)}")
    _check_order(name, numbers)
    return {name: [float(x) for x in numbers]}


def checked_leverage(value: Any) -> Any:
    """Return a distribution of leverage as given, which may be a mixture by notional."""
    if isinstance(value, dict) and len(value) == 1 and BY_NOTIONAL in value:
        return {BY_NOTIONAL: _checked_parts(BY_NOTIONAL, value[BY_NOTIONAL])}
    return checked(value)


def _checked_parts(name: str, parts: Any) -> list[dict[str, Any]]:
    if not isinstance(parts, list | tuple) or not parts:
        raise ValueError(f"{name}: must be a list of {{ share = ..., of = ... }}")
    found = []
    for i, part in enumerate(parts):
        if not isinstance(part, dict) or set(part) != {"share", "of"}:
            raise ValueError(f"{name}.{i}: has the keys share and of, and no other")
        share = part["share"]
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ValueError(f"{name}.{i}.share = {share!r}: must be a number from 0 to 1")
        try:
            found.append({"share": float(share), "of": checked(part["of"])})
        except ValueError as error:
            raise ValueError(f"{name}.{i}.of: {error}") from None
    total = sum(part["share"] for part in found)
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"{name}: the shares sum to {total:g}, not to 1")
    return found


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
    if isinstance(distribution, dict) and MIXTURE in distribution:
        return _mixed(distribution[MIXTURE], uniform)
    name, numbers = next(iter(checked(distribution).items()))
    numbers = numbers if isinstance(numbers, list) else [numbers]
    if name == "choice":
        return np.asarray(numbers)[np.minimum(uniform * len(numbers), len(numbers) - 1).astype(int)]
    with np.errstate(all="ignore"):  # what draws infinity is refused by whoever asked for it
        return np.asarray(DISTRIBUTIONS[name][1](uniform, *numbers), float)


def _mixed(parts: list[dict[str, Any]], uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of a mixture: where a uniform falls chooses the part, the rest of it the value."""
    shares = np.array([part["share"] for part in parts])
    edges = np.concatenate([[0.0], np.cumsum(shares) / shares.sum()])
    place = np.searchsorted(edges[1:-1], uniform, side="right")
    width = np.diff(edges)[place]
    inner = np.minimum((uniform - edges[place]) / np.where(width > 0, width, 1.0), 1 - 2.0**-53)
    values = np.empty_like(uniform)
    for k, part in enumerate(parts):
        values[place == k] = quantiles(part["of"], inner[place == k])
    return values


def by_agents(leverage: Any, most: float) -> Any:
    r"""Distribution over agents of a leverage that may be a mixture by notional.

    Notional is wealth times leverage, and wealth does not depend on the part. So a part holds the
    share :math:`s_k` of the notional when it is drawn with a probability proportional to

    .. math:: s_k / E[\min(L_k, m)]

    Parameters
    ----------
    most : float
        Leverage to which draws are cut, multiple of wealth.

    Raises
    ------
    ValueError
        When a part that should hold notional has no leverage.
    """
    if not (isinstance(leverage, dict) and BY_NOTIONAL in leverage):
        return leverage
    grid = (np.arange(4096) + 0.5) / 4096
    parts, odds = leverage[BY_NOTIONAL], []
    for i, part in enumerate(parts):
        mean = float(np.minimum(quantiles(part["of"], grid), most).mean())
        if part["share"] > 0 and not mean > 0:
            raise ValueError(f"{BY_NOTIONAL}.{i}.of: has no leverage that could hold a share")
        odds.append(part["share"] / mean if part["share"] > 0 else 0.0)
    total = sum(odds)
    agents = [{"share": o / total, "of": p["of"]} for o, p in zip(odds, parts, strict=True)]
    return {MIXTURE: agents}


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
