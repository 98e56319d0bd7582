"""Value at risk of a preset as arrays: past returns, covariances, the multiples of a measure."""

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.model.errors import ParameterError
from crossmargin.model.margin.arrays import Holdings, Terms
from crossmargin.model.margin.scenario_grid import series_deltas
from crossmargin.model.margin.value_at_risk import (
    Measure,
    Parameters,
    charge_risk,
    covariance_factor,
    ewma_covariance,
    filtered_returns,
    stressed,
)
from crossmargin.model.options.series import series_greeks
from crossmargin.model.state import Array

if TYPE_CHECKING:
    from crossmargin.experiments.margin.desk import Desk, Part

DAYS = 365.0


def normal_multiple(rule: Parameters) -> float:
    """Deviations of a normal loss at a confidence: its quantile or the mean beyond it."""
    z = NormalDist().inv_cdf(rule.confidence)
    if rule.measure == "value_at_risk":
        return z
    return NormalDist().pdf(z) / (1 - rule.confidence)


def stated_covariance(rule: Parameters, names: list[str], where: str) -> Array:
    """Daily covariance from volatilities and correlations, in the order of some names.

    Raises
    ------
    ParameterError
        When an underlying is not among the assets or the correlations are no square.
    """
    n = len(rule.assets)
    if len(rule.volatility) != n or [len(row) for row in rule.correlation] != [n] * n:
        raise ParameterError(
            f"{where}: assets, volatility and correlation must have {n} rows and columns"
        )
    unknown = [name for name in names if name not in rule.assets]
    if unknown:
        known = ", ".join(rule.assets) or "none"
        raise ParameterError(f"{where}.assets: {unknown[0]} is missing; there are {known}")
    places = [rule.assets.index(name) for name in names]
    correlation = np.array(rule.correlation, float).reshape(n, n)
    if not np.allclose(np.diag(correlation), 1.0):
        raise ParameterError(f"{where}.correlation: has no ones on its diagonal")
    covariance_factor(correlation, f"{where}.correlation")
    deviations = np.array(rule.volatility, float) / math.sqrt(DAYS)
    whole = correlation * np.outer(deviations, deviations)
    return np.asarray(whole[np.ix_(places, places)])


def past_returns(rule: Parameters, names: list[str], where: str) -> Array:
    """(n_past, n) float64: returns of recordings, oldest first, where all of them have a price.

    Raises
    ------
    ParameterError
        When an underlying has no recording.
    """
    import pandas as pd

    from crossmargin.experiments.load import HOME

    unknown = [name for name in names if name not in rule.recordings]
    if unknown:
        known = ", ".join(rule.recordings) or "none"
        raise ParameterError(f"{where}.recordings.{unknown[0]}: is missing; there are {known}")
    columns = {}
    for name in names:
        path = HOME / "data" / rule.recordings[name]
        if not path.is_file():
            raise ParameterError(f"{where}.recordings.{name}: there is no file {path.name}")
        prices = pd.read_csv(path, index_col="timestamps")["close"]
        columns[name] = np.log(prices).diff()
    found = pd.DataFrame(columns)[names].dropna()
    return np.ascontiguousarray(np.expm1(found.to_numpy()))


def _models(covariance: Array, rule: Parameters, where: str) -> Array:
    """Factors of the covariance and of the one with correlations put towards one."""
    found = [covariance_factor(covariance, where)]
    if rule.correlation_stress > 0:
        share = min(rule.correlation_stress, 1 - 1e-9)  # at one it has no inverse
        found.append(covariance_factor(stressed(covariance, share), where))
    return np.array(found)


class RiskPart:
    """Value at risk for one desk."""

    def __init__(self, desk: "Desk", rule: Parameters) -> None:
        self.rule = rule
        names, where = desk.underlyings, f"{desk.preset.name}: value_at_risk"
        n, root = len(names), math.sqrt(rule.horizon_days)
        self.returns, self.factors = np.zeros((0, n)), np.zeros((0, n, n))
        if rule.method == "parametric" and not rule.recordings:
            self.factors = _models(stated_covariance(rule, names, where), rule, where)
        else:
            past = past_returns(rule, names, where)
            if rule.method == "parametric":
                self.factors = _models(ewma_covariance(past, rule.decay), rule, where)
            else:
                is_filtered = rule.method == "filtered"
                self.returns = filtered_returns(past, rule.decay) if is_filtered else past
                self.returns = np.ascontiguousarray(self.returns * root)
        kept = max(1, math.ceil(len(self.returns) * (1 - rule.confidence)))
        mean = float(rule.measure == "expected_shortfall")
        self.options = np.array([normal_multiple(rule) * root, kept, mean, 0.0])
        self.worst = np.zeros(kept)
        self.multiples = np.array([rule.initial_factor, rule.maintenance_factor])

    def measure(self, terms: Terms) -> Measure:
        """What all accounts share at some prices."""
        deltas, greeks = np.zeros(len(terms.series)), np.zeros((len(terms.series), 5))
        series_deltas(terms.series, deltas)
        series_greeks(terms.series, greeks)
        return Measure(
            deltas=deltas,
            gammas=np.ascontiguousarray(greeks[:, 1] / np.maximum(terms.series["lot"], 1e-300)),
            returns=self.returns,
            factors=self.factors,
            options=self.options,
            work=np.zeros((2, len(terms.spot))),
            worst=self.worst,
        )

    def __call__(self, terms: Terms, held: Holdings, numbers: Array) -> Any:
        """Add to the numbers of all rows."""
        return charge_risk(held, terms, self.measure(terms), self.multiples, numbers)


def risk_part(desk: "Desk") -> "Part":
    """Value at risk for a desk."""
    assert desk.preset.value_at_risk is not None
    return RiskPart(desk, desk.preset.value_at_risk)
