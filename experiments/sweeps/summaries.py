"""Summaries of a million runs by group, without a loop over groups."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossmargin.experiments.sweeps import clusters
from crossmargin.experiments.sweeps.clusters import ranks_worth
from crossmargin.experiments.sweeps.groups import Groups, Sorted
from crossmargin.experiments.sweeps.statistics import (
    Tail,
    expected_shortfall,
    proportion,
    refusal,
)
from crossmargin.model.errors import ParameterError

#: Why pooled runs of one replicate have no interval.
ONE_SEED = "all runs share one seed: an interval takes two replicates or more"

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def _means(rows: Sorted, confidence: float) -> dict[str, Floats | Integers]:
    """Mean, Student's interval over seeds and spread; what is infinite has no interval."""
    from scipy.stats import t

    with np.errstate(divide="ignore", invalid="ignore"):
        centre = rows.sums(rows.values) / rows.n
        squares = rows.sums((rows.values - np.repeat(centre, rows.n)) ** 2)
        sd = np.where(rows.n > 1, np.sqrt(squares / (rows.n - 1)), np.nan)
        error = sd / np.sqrt(rows.n)
        if rows.clusters is not None:
            error = rows.clusters.error(rows.given)
        half = t.ppf(0.5 + confidence / 2, np.maximum(rows.seeds - 1, 1)) * error
        low, high = centre - half, centre + half
    first = {"n": rows.n, "seeds": rows.seeds}
    return first | {"mean": centre, "mean_low": low, "mean_high": high, "sd": sd}


def quantile_name(p: float) -> str:
    """Column of a quantile: `q5`, `q99.9`."""
    return f"q{100 * p:.10g}"


def _quantile(rows: Sorted, p: float, confidence: float) -> tuple[dict[str, Floats], Floats]:
    """Quantile and its interval by group, NaN where there are too few runs; what it is worth."""
    centre = rows.at(np.asarray(p * (rows.n - 1), float))
    worth = np.floor(rows.worth(centre) + 1e-9)
    pairs, which = np.unique(np.stack((rows.n, worth)), axis=1, return_inverse=True)
    found = [ranks_worth(p, int(n), few, confidence) for n, few in pairs.T]
    low = np.array([np.nan if r is None else r[0] - 1.0 for r in found])[which.ravel()]
    high = np.array([np.nan if r is None else r[1] - 1.0 for r in found])[which.ravel()]
    name, ends = quantile_name(p), {"_low": rows.at(low), "_high": rows.at(high)}
    centre[np.isnan(low)] = np.nan
    return {name: centre} | {f"{name}{end}": values for end, values in ends.items()}, worth


def _too_few(rows: Sorted, p: float, level: float, worth: float, at: int, where: str = "") -> str:
    """Why a group cannot support a quantile."""
    n, seeds = int(rows.n[at]), int(rows.seeds[at])
    if n == seeds:
        return refusal(p, n, level, where)
    shared = f" of {seeds:,} seeds, worth {int(worth):,} independent ones,"
    return f"{refusal(p, n, level, f'{where}{shared}')}: add replicates"


def _notes(
    rows: Sorted, quantiles: Sequence[float], level: float, worth: Sequence[Floats]
) -> list[str]:
    """What is left out of each group, and what it takes."""
    facts = np.stack((rows.n, rows.seeds, rows.endless, *worth))
    _, first, which = np.unique(facts, axis=1, return_index=True, return_inverse=True)
    words = []
    for at in first:
        few = [w[at] for w in worth]
        left = [
            _too_few(rows, p, level, n, at)
            for p, n in zip(quantiles, few, strict=True)
            if ranks_worth(p, int(rows.n[at]), n, level) is None
        ]
        words.append("; ".join([*_spoken(rows, int(at)), *left]))
    return [words[i] for i in which.ravel()]


def _spoken(rows: Sorted, at: int) -> list[str]:
    """Why the mean of a group has no interval."""
    found = []
    if rows.endless[at]:
        found.append(f"{rows.endless[at]:,} of {rows.n[at]:,} runs are infinite: their mean too")
    if 1 == rows.seeds[at] < rows.n[at]:
        found.append(ONE_SEED)
    return found


def summarise(
    runs: pd.DataFrame,
    groups: Groups,
    outcomes: Sequence[str],
    quantiles: Sequence[float],
    confidence: float,
    *,
    strict: bool,
) -> pd.DataFrame:
    """Mean, spread and quantiles with intervals: a row a group and outcome.

    Parameters
    ----------
    strict : bool
        Refuse quantiles that a group cannot support; else leave them out and say so in `note`.
    """
    frames = []
    for outcome in outcomes:
        rows = Sorted(runs[outcome].to_numpy(float), groups)
        columns: dict[str, object] = {"outcome": outcome, **_means(rows, confidence)}
        worth = []
        for p in quantiles:
            found, few = _quantile(rows, p, confidence)
            if strict:
                _check_support(rows, groups, (p, confidence), few)
            columns |= found
            worth.append(few)
        columns["note"] = _notes(rows, quantiles, confidence, worth)
        frames.append(groups.keys.assign(**columns))
    return pd.concat(frames, ignore_index=True) if frames else groups.keys.iloc[:0]


def _check_support(rows: Sorted, groups: Groups, asked: tuple[float, float], worth: Floats) -> None:
    """Refuse a quantile that was asked for and that the smallest group cannot support."""
    p, level = asked
    at = int(worth.argmin())
    if ranks_worth(p, int(rows.n[at]), worth[at], level) is None:
        raise ParameterError(_too_few(rows, p, level, worth[at], at, groups.where(at)))


def exceedances(
    values: Floats, groups: Groups, threshold: float, confidence: float
) -> pd.DataFrame:
    """Probability of lying above a threshold by group, with Clopper and Pearson's intervals.

    Where runs share seeds, those of so many runs as they are worth.
    """
    known = ~np.isnan(values)
    codes, above = groups.codes[known], values[known] > threshold
    n = np.bincount(codes, minlength=groups.count)
    hits = np.bincount(codes[above], minlength=groups.count)
    shared = groups.clusters(known)
    seeds = n if shared is None else shared.m
    worth = n if shared is None else shared.worth(above)
    found = [
        _share(int(k), int(m), (int(s), float(w)), confidence)
        for k, m, s, w in zip(hits, n, seeds, worth, strict=True)
    ]
    numbers = pd.DataFrame(found, columns=["probability", "low", "high", "n"])
    notes = [ONE_SEED if 1 == s < m else "" for s, m in zip(seeds, n, strict=True)]
    return pd.concat([groups.keys, numbers.assign(seeds=seeds, note=notes)], axis=1)


def _share(
    hits: int, n: int, of: tuple[int, float], confidence: float
) -> tuple[float, float, float, int]:
    """Share with its interval, of so many seeds and worth so many runs."""
    seeds, worth = of
    if not n:
        return np.nan, np.nan, np.nan, 0
    if seeds == n:
        return proportion(hits, n, confidence)
    ends = (np.nan, np.nan)
    if seeds >= clusters.LEAST:
        ends = clusters.proportion_worth(hits / n, worth, confidence)
    return hits / n, *ends, n


def shortfalls(
    values: Floats, groups: Groups, level: float, confidence: float, tail: Tail
) -> pd.DataFrame:
    """Mean of the worst runs by group with bootstrap intervals; refuses groups too small."""
    parts = np.split(groups.ordered(values), groups.first[1:])
    own = np.arange(len(values)) if groups.seeds is None else groups.seeds
    seeds = np.split(own if groups.order is None else own[groups.order], groups.first[1:])
    found = []
    for group, (part, of) in enumerate(zip(parts, seeds, strict=True)):
        try:
            one = expected_shortfall(part, level, confidence, tail=tail, seeds=of)
        except ParameterError as error:
            raise ParameterError(f"runs{groups.where(group)}: {error}") from None
        found.append((*one, len(np.unique(of[~np.isnan(part)])), _endless_words(part)))
    columns = ["shortfall", "low", "high", "n", "seeds", "note"]
    return pd.concat([groups.keys, pd.DataFrame(found, columns=columns)], axis=1)


def _endless_words(values: Floats) -> str:
    count = int(np.isinf(values).sum())
    return f"{count:,} of {len(values):,} runs are infinite: no interval" if count else ""
