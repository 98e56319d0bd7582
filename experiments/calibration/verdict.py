"""The verdict on a fit, in sentences that somebody who was not there can read."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from crossmargin.experiments.calibration.result import Fit

#: p-value below which a fit is said to be rejected.
REJECTED = 0.05
#: Standard errors from its target at which a moment is said to be missed.
MISSED = 2.0
#: Share of the simulations in the variance of the gaps from which a test is said to be blunt.
BLUNT = 0.5
#: Share of noise in a derivative from which a standard error is not to be trusted.
NOISY = 0.2
#: Correlation of two estimates from which they are said to be told apart poorly.
TIED = 0.9


def words(fit: "Fit") -> list[str]:
    """Sentences on the test, the moments, each parameter and the hold-out."""
    return [
        _test(fit),
        *_blunt(fit),
        _moments(fit),
        *_parameters(fit),
        *_ties(fit),
        *_held_out(fit),
    ]


def _test(fit: "Fit") -> str:
    s = fit.summary
    if not s["degrees_of_freedom"]:
        return "There are as many parameters as moments, so that the fit cannot be tested."
    numbers = f"J = {s['J']:.3g} with {s['degrees_of_freedom']} degrees of freedom, p = {_p(fit)}"
    if s["p_value"] < REJECTED:
        return (
            f"The model is rejected: {numbers}. No parameters within the ranges meet all moments, "
            "and standard errors are those of the nearest misfit."
        )
    return f"The model is not rejected: {numbers}."


def _blunt(fit: "Fit") -> list[str]:
    share = fit.summary["simulation_share"]
    if share < BLUNT:
        return []
    return [
        f"The test is blunt: {100 * share:.0f}% of the variance of the gaps comes from the few and "
        "short simulations, not from the record. Take more replicates to sharpen it."
    ]


def _p(fit: "Fit") -> str:
    p = fit.summary["p_value"]
    return f"{p:.2g}" if p >= 1e-4 else "less than 0.0001"


def _moments(fit: "Fit") -> str:
    rows = fit.moments[fit.moments["part"] == "fit"]
    missed = rows[rows["z"].abs() > MISSED].sort_values("z", key=np.abs, ascending=False)
    if missed.empty:
        return f"All {len(rows)} moments lie within {MISSED:g} standard errors of their targets."
    return f"Met {len(rows) - len(missed)} of {len(rows)} moments; missed: {_list(missed)}."


def _list(rows: pd.DataFrame) -> str:
    return ", ".join(
        f"{r.moment} ({r.simulated:.3g} simulated, {r.target:.3g} wanted)"
        for r in rows.itertuples()
    )


def _parameters(fit: "Fit") -> list[str]:
    said = []
    for row in fit.parameters.itertuples():
        sentence = VERDICTS.get(str(row.verdict), "")
        if sentence:
            said.append(
                sentence.format(
                    name=row.label,
                    low=f"{row.profile_low:.3g}",
                    high=f"{row.profile_high:.3g}",
                    range=f"{row.range_low:g} to {row.range_high:g}",
                    rise=f"{100 * row.profile_rise:.0f}%",
                )
            )
        if row.at_edge and row.verdict not in UNTOLD:  # else a wider range tells no more
            said.append(f"{row.label} lies at the edge of its range: a wider one may fit better.")
        if row.derivative_noise > NOISY:
            said.append(
                f"{row.label}: chance makes {100 * row.derivative_noise:.0f}% of what its moves "
                "seem to do to the moments; its standard error is too small. Take more replicates "
                "or a wider step."
            )
    return said


#: Verdicts on parameters of which any value of the range will do.
UNTOLD = ("flat", "uneven")
#: What a profile says about its parameter.
VERDICTS = {
    "identified": "{name} is told by these moments: its profile rises on both sides, outside "
    "{low} to {high}.",
    "flat": "{name} is not told by these moments: whatever it is from {range}, the others make up "
    "for it (the profile is flat; it rises by {rise} of what would count).",
    "uneven": "{name} is not told by these moments: both ends of its range, {range}, do as well as "
    "the estimate, though some values between do not.",
    "open below": "{name} has an upper limit only, {high}: smaller values fit as well, with other "
    "parameters to match.",
    "open above": "{name} has a lower limit only, {low}: larger values fit as well, with other "
    "parameters to match.",
}


def _ties(fit: "Fit") -> list[str]:
    matrix, labels = np.array(fit.summary["correlations"]), list(fit.parameters["label"])
    return [
        f"{labels[i]} and {labels[j]} are told apart poorly: their estimates have a correlation "
        f"of {matrix[i, j]:.2f}."
        for i in range(len(labels))
        for j in range(i)
        if abs(matrix[i, j]) > TIED
    ]


def _held_out(fit: "Fit") -> list[str]:
    said = []
    for part, rows in fit.moments.groupby("part", sort=False):
        if part == "fit":
            continue
        missed, unknown = rows[rows["z"].abs() > MISSED], rows[rows["z"].isna()]
        how = "" if missed.empty else f"; missed: {_list(missed)}"
        how += "" if unknown.empty else f"; not every run shows {', '.join(unknown['moment'])}"
        met = len(rows) - len(missed) - len(unknown)
        said.append(f"Not used in the fit, {part}: met {met} of {len(rows)}{how}.")
    return said
