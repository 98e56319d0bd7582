"""What a calibration found: tables, a summary, the verdict in plain words, and its files."""

import functools
import json
import os
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from crossmargin.experiments.calibration.bootstrap import Targets
from crossmargin.experiments.calibration.distance import Distance
from crossmargin.experiments.calibration.evaluations import value_at
from crossmargin.experiments.calibration.identifiability import Profile
from crossmargin.experiments.calibration.inference import Estimate
from crossmargin.experiments.calibration.plan import Calibration
from crossmargin.experiments.calibration.search import Trace
from crossmargin.experiments.calibration.simulated import names_of
from crossmargin.experiments.calibration.verdict import words
from crossmargin.model.errors import ScenarioError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fit:
    """Result of a calibration.

    Attributes
    ----------
    calibration : Calibration
    parameters : DataFrame
        One row a parameter: estimate, error, interval, profile interval and its verdict.
    moments : DataFrame
        One row a moment and part (`fit`, `other facts`, `other dates`): target, simulated, errors.
    profiles : DataFrame
        Simulated points of the profiles.
    trace : DataFrame
        Every point of the search, in order.
    summary : dict
        Criterion, J, degrees of freedom, p-value, estimates, and how it was found.
    """

    calibration: Calibration
    parameters: pd.DataFrame
    moments: pd.DataFrame
    profiles: pd.DataFrame
    trace: pd.DataFrame
    summary: dict[str, Any]

    @classmethod
    def of(
        cls,
        found: Calibration,
        distance: Distance,
        trace: Trace,
        estimate: Estimate,
        profiles: list[Profile],
        held: dict[str, Targets],
    ) -> Self:
        """Fit from the pieces of a calibration."""
        moments = _moments(found, distance, estimate, held)
        parameters = _parameters(found, estimate, profiles)
        return cls(
            found,
            parameters,
            moments,
            _profiles(found, profiles),
            _trace(found, trace),
            _summary(found, distance, estimate, parameters, held),
        )

    def with_facts(self, facts: dict[str, Any]) -> Self:
        """Return the same with more numbers in its summary."""
        return replace(self, summary=self.summary | facts)

    @property
    def words(self) -> list[str]:
        """What was found, in sentences."""
        return words(self)

    def save(self, folder: Path) -> Path:
        """Write `calibration.json` and a Parquet file a table, each whole or not at all."""
        record = {
            "calibration": self.calibration.model_dump(mode="json", exclude_unset=True),
            "summary": self.summary,
            "words": self.words,
        }
        text = json.dumps(record, indent=2, default=_plain)
        _write(folder / "calibration.json", lambda path: path.write_text(text + "\n", "utf-8"))
        for name in ("parameters", "moments", "profiles", "trace"):
            table = getattr(self, name)
            _write(folder / f"{name}.parquet", functools.partial(table.to_parquet, index=False))
        return folder

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.words)
        return f"<b>{escape(self.calibration.name)}</b>{said}{self.parameters.to_html(index=False)}"


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


def _write(path: Path, write: Any) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(partial)
        partial.replace(path)
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _level(found: Calibration) -> str:
    return f"{100 * found.inference.confidence:g}".replace(".", "_")


def _parameters(found: Calibration, estimate: Estimate, profiles: list[Profile]) -> pd.DataFrame:
    """Estimates with intervals, in the units of the parameters.

    Intervals are symmetric in the coordinate that is searched, so that with a logarithmic range
    they are symmetric in the logarithm and never negative.
    """
    z = float(norm.ppf(0.5 + found.inference.confidence / 2))
    level, rows = _level(found), []
    for i, parameter in enumerate(found.parameter):
        unit, error = float(estimate.point.unit[i]), float(estimate.errors[i])
        profile = profiles[i] if profiles else None
        ends = profile.interval if profile else (np.nan, np.nan)
        rows.append(
            {
                "path": parameter.path,
                "label": parameter.name,
                "unit": parameter.unit or "",
                "scale": parameter.scale,
                "estimate": estimate.point.values[parameter.path],
                "error": _error(parameter, unit, error),
                f"low_{level}": _end(parameter, unit - z * error),
                f"high_{level}": _end(parameter, unit + z * error),
                "range_low": parameter.low,
                "range_high": parameter.high,
                "profile_low": value_at(parameter, ends[0]),
                "profile_high": value_at(parameter, ends[1]),
                "verdict": profile.verdict if profile else "",
                "profile_rise": profile.rise if profile else np.nan,
                "derivative_noise": float(estimate.noise[i]),
                "at_edge": bool(unit < 0.01 or unit > 0.99),
            }
        )
    return pd.DataFrame(rows)


def _error(parameter: Any, unit: float, error: float) -> float:
    """Standard error in the units of a parameter, by the slope of its scale."""
    if not np.isfinite(error):
        return np.inf
    ahead, behind = value_at(parameter, unit + 1e-6), value_at(parameter, unit - 1e-6)
    return float(error * (ahead - behind) / 2e-6)


def _end(parameter: Any, unit: float) -> float:
    """Value at the end of an interval, which may lie far beyond the range."""
    if not np.isfinite(unit):
        return np.inf if unit > 0 else 0.0 if parameter.scale == "log" else -np.inf
    with np.errstate(over="ignore"):
        return value_at(parameter, float(np.clip(unit, -50.0, 50.0)))


def _moments(
    found: Calibration, distance: Distance, estimate: Estimate, held: dict[str, Targets]
) -> pd.DataFrame:
    names = names_of(found)
    mean, sample = estimate.point.sample.mean(axis=0), estimate.point.sample
    errors = sample.std(axis=0, ddof=1) / np.sqrt(len(sample)) if len(sample) > 1 else 0 * mean
    low, high = np.quantile(sample, [0.05, 0.95], axis=0)
    rows = []
    for part, targets in {"fit": distance.targets, **held}.items():
        for name, value, error in zip(targets.names, targets.values, targets.errors, strict=True):
            i = names.index(name)
            both = float(np.hypot(error, errors[i]))
            rows.append(
                {
                    "part": part,
                    "moment": name,
                    "target": value,
                    "target_error": error,
                    "simulated": mean[i],
                    "simulated_error": errors[i],
                    "simulated_5": low[i],
                    "simulated_95": high[i],
                    "z": (mean[i] - value) / both,
                }
            )
    return pd.DataFrame(rows)


def _profiles(found: Calibration, profiles: list[Profile]) -> pd.DataFrame:
    rows = []
    for parameter, profile in zip(found.parameter, profiles, strict=False):
        for unit, criterion in zip(profile.units, profile.criteria, strict=True):
            others = {
                f"at:{p.path}": value_at(p, float(u))
                for p, u in zip(found.parameter, unit, strict=True)
            }
            rows.append(
                {
                    "path": parameter.path,
                    "value": others[f"at:{parameter.path}"],
                    "criterion": criterion,
                    "limit": profile.lowest + profile.limit,
                    **others,
                }
            )
    return pd.DataFrame(rows)


def _trace(found: Calibration, trace: Trace) -> pd.DataFrame:
    best = np.minimum.accumulate(trace.criteria)
    rows = [
        {"stage": stage, "criterion": criterion, "best": so_far, **point.values}
        for stage, criterion, so_far, point in zip(
            trace.stages, trace.criteria, best, trace.points, strict=True
        )
    ]
    return pd.DataFrame(rows).rename_axis("point").reset_index()


def _summary(
    found: Calibration,
    distance: Distance,
    estimate: Estimate,
    parameters: pd.DataFrame,
    held: dict[str, Targets],
) -> dict[str, Any]:
    return {
        "name": found.name,
        "estimates": dict(zip(parameters["path"], parameters["estimate"], strict=True)),
        "criterion": estimate.criterion,
        "J": estimate.statistic,
        "simulation_share": estimate.simulation_share,
        "degrees_of_freedom": estimate.freedom,
        "p_value": estimate.p_value,
        "replicates": found.replicates,
        "replicates_at_estimate": len(estimate.point.sample),
        "recorded_returns": distance.targets.observations,
        "simulated_per_recorded": distance.ratio,
        "shrinkage": distance.shrunk.intensity,
        "condition_before": distance.shrunk.before,
        "condition": distance.shrunk.condition,
        "correlations": estimate.correlations.tolist(),
        **_hold_out_test(found, estimate, held),
    }


def _hold_out_test(
    found: Calibration, estimate: Estimate, held: dict[str, Targets]
) -> dict[str, float]:
    """Distance to the facts of other dates, with the error of the estimate in its variance."""
    later = held.get("other dates")
    if later is None or found.recorded is None:
        return {}
    k = len(found.recorded.facts)
    known = np.isfinite(estimate.covariance)
    own = estimate.slope[:k] @ np.where(known, estimate.covariance, 0.0) @ estimate.slope[:k].T
    variance = later.covariance[:k, :k] + estimate.simulation[:k, :k] + own
    gap = estimate.point.mean(k) - later.values[:k]
    statistic = float(gap @ np.linalg.solve(variance, gap))
    return {
        "holdout_statistic": statistic,
        "holdout_moments": k,
        "holdout_p_value": float(chi2.sf(statistic, k)),
    }
