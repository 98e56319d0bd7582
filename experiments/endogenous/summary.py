"""What the runs of a split say together: shares, their band, tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from crossmargin.experiments.endogenous import shares
from crossmargin.experiments.endogenous.members import Member, Plan
from crossmargin.experiments.endogenous.push import UNKNOWN, Strength
from crossmargin.experiments.endogenous.solve import Floats, Followed, ticks_of
from crossmargin.model.state import CLASSES

if TYPE_CHECKING:
    import pandas as pd


def summarise(
    plan: Plan, members: Sequence[Member], kept: Mapping[str, Followed], venues: float
) -> dict[str, Any]:
    """Headline numbers of a split.

    `share` is the mean over seeds at the stated strength and leverage with its interval; `band`
    spans the means over all strengths and leverages; `by` says how far each of them alone moves
    it; `forced` is the share of forced orders, to first order in the number of venues.
    """
    scenario, target, strengths = plan.variants[1.0], plan.target, plan.strengths
    stated = [m for m in members if m.leverage == 1.0]
    means = {
        leverage: venues * np.mean([m.shares for m in members if m.leverage == leverage], axis=0)
        for leverage in sorted({m.leverage for m in members})
    }
    band = [
        float(min(x.min() for x in means.values())),
        float(max(x.max() for x in means.values())),
    ]
    every = venues * np.concatenate([m.shares for m in members])
    forced = [venues * m.forced for m in stated if m.forced is not None]
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "underlying": scenario.underlying[target.underlying].name,
        "market": scenario.market[target.market].name,
        "tick": target.tick,
        "block_seconds": scenario.run.block_seconds,
        "seeds": len(stated),
        "venues": venues,
        "open_interest": float(np.mean([m.open_interest for m in stated])),
        "strength": vars(strengths[0]),
        "share": shares.spread([float(venues * m.shares[0]) for m in stated]),
        "band": band,
        "by": _one_by_one(means, strengths),
        "forced": {**shares.spread(forced), "verdict": shares.verdict_of(forced)},
        "verdict": shares.verdict(*band),
        "misfits": float(((every < 0) | (every > 1)).mean()),
        "reproduces": {
            "solved_ticks": max(m.residual for m in members),
            "again_ticks": max(m.again for m in stated if m.again is not None),
        },
        "fall": _fall_of(kept),
    }


def _one_by_one(
    means: Mapping[float, Floats], strengths: Sequence[Strength]
) -> dict[str, list[float]]:
    """Least and largest mean share when one thing alone is not known."""
    found = {"leverage": [float(f(x[0] for x in means.values())) for f in (min, max)]}
    for name in UNKNOWN:
        alone = [
            float(means[1.0][i])
            for i, strength in enumerate(strengths)
            if replace(strength, **{name: getattr(strengths[0], name)}) == strengths[0]
        ]
        found[name] = [min(alone), max(alone)]
    return found


def _fall_of(kept: Mapping[str, Followed]) -> dict[str, Any]:
    """The fall of the first seed: where, how far, and its parts in whole ticks and half ticks."""
    solved, unforced = kept["solved"], kept["unforced"]
    record = np.log(solved.price)
    window = shares.largest_fall(record)
    parts = _parts(solved, unforced)
    mid = solved.by_class[window.trough] - solved.by_class[window.peak]
    return {
        "peak_step": window.peak,
        "trough_step": window.trough,
        "peak": float(solved.price[window.peak]),
        "trough": float(solved.price[window.trough]),
        "fraction": float(1.0 - np.exp(-shares.fall(record, window))),
        "ticks": {name: int(x[window.peak] - x[window.trough]) for name, x in parts.items()},
        "mid_half_ticks": int(solved.mid[window.trough] - solved.mid[window.peak]),
        "mid_by_class": {name: int(x) for name, x in zip(CLASSES, mid, strict=True)},
    }


def _parts(solved: Followed, unforced: Followed) -> dict[str, Any]:
    """Record in ticks and its parts, which sum to it: elsewhere, forced orders, other flow."""
    record, exogenous = solved.ticks, ticks_of(solved.base, solved.target.tick)
    forced = record - unforced.ticks
    return {
        "record": record,
        "exogenous": exogenous,
        "forced": forced,
        "other": record - exogenous - forced,
    }


def path_frame(
    kept: Mapping[str, Followed], members: Sequence[Member], venues: float
) -> "pd.DataFrame":
    """Table of the path of the first seed; see `Split`."""
    import pandas as pd

    solved = kept["solved"]
    scenario, steps = solved.run.scenario, np.arange(len(solved.price))
    recording = scenario.underlying[solved.target.underlying].recording
    first = pd.Timestamp(recording.start if recording is not None else 0)
    elapsed = np.rint(steps * scenario.run.block_seconds * 1e9).astype(np.int64)
    pushes = venues * np.array([m.push for m in members if m.leverage == 1.0])
    frame = pd.DataFrame({"step": steps, "timestamps": first + pd.to_timedelta(elapsed, unit="ns")})
    for name, values in _parts(solved, kept["unforced"]).items():
        frame[name] = values
    frame["log_price"] = solved.base
    for name, values in zip(
        ("push", "push_least", "push_most"),
        (pushes.mean(axis=0), pushes.min(axis=0), pushes.max(axis=0)),
        strict=True,
    ):
        frame[name] = values
    for c, name in enumerate(CLASSES):
        frame[f"mid_{name}"] = solved.by_class[:, c] - solved.by_class[0, c]
    return frame


def member_frame(
    members: Sequence[Member], strengths: Sequence[Strength], venues: float
) -> "pd.DataFrame":
    """Table of all shares; see `Split`."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "seed": m.seed,
                "leverage": m.leverage,
                **{name: getattr(strength, name) for name in UNKNOWN},
                "share": float(venues * share),
            }
            for m in members
            for strength, share in zip(strengths, m.shares, strict=True)
        ]
    )
