"""The report of a calibration: verdict, parameters, moments, profiles, search; one HTML file."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crossmargin.dashboards import page
from crossmargin.dashboards.document import document, versions, write_whole
from crossmargin.dashboards.figures.calibration import (
    moments_figure,
    profiles_figure,
    search_figure,
)
from crossmargin.dashboards.figures.words import count, duration, plural
from crossmargin.dashboards.page import Card, Section

if TYPE_CHECKING:
    from crossmargin.experiments.calibration.result import Fit

MOMENTS = (
    "Each panel is one moment. Left, what was recorded, with the interval that a block bootstrap "
    "gives it; in the middle, what the model makes of it at the estimate, over single runs; right, "
    "where there is a green mark, what was recorded on dates that the fit did not see. The fit is "
    "good where the model's mark lies within the blue interval."
)
PARAMETERS = (
    "The estimates, with intervals from the slopes of the moments and from the profiles. The first "
    "hold when the model is right and nearly linear around the estimate; the second see farther. "
    "Noise is the share of a slope that is chance: where it is large, the first are too narrow."
)
PROFILES = (
    "The lowest criterion that can be had with one parameter held, over all the others. A valley "
    "that rises above the dashed line on both sides tells the parameter; a flat line says that "
    "these moments do not. Every point was simulated; the surrogate only said where."
)
SEARCH = (
    "The criterion of every point, in order: a first design that fills the ranges, points where an "
    "improvement was expected, slopes and Gauss-Newton steps, profiles. Points far above the "
    "others are drawn at the top. The lowest is low by luck too: the five best met again with more "
    "runs, and the winner of those is the estimate."
)
WORDS = {
    "Criterion": "Squared gaps between simulated and recorded moments, weighted by the inverse of "
    "their covariance. A model that is right has about as much as there are moments.",
    "J": "The criterion at the estimate as a test. Chi-square when the model is right, with as "
    "many degrees of freedom as there are moments beyond parameters.",
    "Hill tail index (hill_5)": "How fast large moves become rare, from the largest 5% of them; "
    "3 or so for most assets, larger is tamer.",
    "acf, abs_acf": "Autocorrelation of returns and of their size at a lag; the second says how "
    "long a stir lasts.",
    "leverage": "Correlation of a return with the squared return a lag later; negative where falls "
    "stir the market more than rises.",
}


def write_calibration_report(fit: "Fit", path: str | Path) -> Path:
    """Write the report of a calibration to a file, whole or not at all.

    Parameters
    ----------
    fit : Fit
    path : str or Path
        Where the HTML goes; the folder must exist.
    """
    return write_whole(path, calibration_html(fit))


def calibration_html(fit: "Fit") -> str:
    """Return the report of a calibration as one HTML page."""
    found = fit.calibration
    return document(found.title or found.name, _header(fit), sections(fit), _footer(fit))


def _header(fit: "Fit") -> str:
    found, s = fit.calibration, fit.summary
    named = (
        found.scenario if isinstance(found.scenario, str) else (found.scenario or {}).get("name")
    )
    what = found.model or named or "a scenario"
    facts = (
        f"Calibration {found.name} of {what} · {plural(s['runs'], 'run')}"
        f"{' in ' + duration(s['seconds']) if s['new_runs'] == s['runs'] else ' in its store'} · "
        f"{versions('numpy', 'scipy', 'scikit-learn')}"
    )
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in fit.words)
    return (
        f"<h1>{escape(found.title or found.name)}</h1>{page.paragraphs(found.story)}"
        f'<p class="facts">{escape(facts)}</p>{page.strip(cards(fit))}'
        f'<div class="short">{said}</div>'
    )


def cards(fit: "Fit") -> list[Card]:
    """Headline numbers."""
    s = fit.summary
    rows = fit.moments[fit.moments["part"] == "fit"]
    met = int((rows["z"].abs() <= 2).sum())
    told = int((fit.parameters["verdict"] == "identified").sum())
    found = [
        Card("Moments met", f"{met} of {len(rows)}", "within two standard errors"),
        Card("Parameters told", f"{told} of {len(fit.parameters)}", "profile rises on both sides"),
    ]
    if s["degrees_of_freedom"]:
        p = s["p_value"]
        tone = "bad" if p < 0.05 else ""
        remark = f"{plural(s['degrees_of_freedom'], 'degree')} of freedom, p {_p(p)}"
        found.append(Card("J", number(s["J"]), remark, tone))
    if s["failed_runs"]:
        found.append(Card("Failed runs", count(s["failed_runs"]), "see evaluations.parquet", "bad"))
    if "holdout_statistic" in s:
        remark = f"{count(s['holdout_moments'])} moments, p {_p(s['holdout_p_value'])}"
        found.append(Card("On other dates", number(s["holdout_statistic"]), remark))
    return found


def _p(value: float) -> str:
    return f"= {value:.2g}" if value >= 1e-4 else "< 0.0001"


def number(value: float) -> str:
    """Write a number in four figures; a dash when it is none."""
    if np.isnan(value):
        return "–"
    return ("∞" if value > 0 else "−∞") if np.isinf(value) else f"{value:.4g}".replace("-", "−")


def sections(fit: "Fit") -> list[Section]:
    """Sections of the report, in order."""
    parts = [_parameters(fit), _moments(fit)]
    if len(fit.profiles):
        parts.append(_profiles(fit))
    return [*parts, _search(fit), _how(fit)]


def _parameters(fit: "Fit") -> Section:
    rows = fit.parameters
    low, high = (c for c in rows.columns if c.startswith(("low_", "high_")))
    table = pd.DataFrame(
        {
            "parameter": [
                ", ".join(filter(None, pair))
                for pair in zip(rows["label"], rows["unit"], strict=True)
            ],
            "estimate": rows["estimate"].map(number),
            "standard error": rows["error"].map(number),
            f"{low.removeprefix('low_')}% interval": _ends(rows, low, high),
            "profile interval": _ends(rows, "profile_low", "profile_high"),
            "verdict": rows["verdict"],
            "noise": rows["derivative_noise"].map(lambda share: f"{100 * share:.0f}%"),
            "range searched": _ends(rows, "range_low", "range_high"),
        }
    )
    kept = table.drop(columns=_empty(table))
    return Section("parameters", "Parameters", PARAMETERS, table=kept, is_table=True)


def _empty(table: pd.DataFrame) -> list[str]:
    """Columns that say nothing in any row."""
    return [name for name in table.columns if table[name].isin(["", "– to –"]).all()]


def _ends(rows: pd.DataFrame, low: str, high: str) -> list[str]:
    return [f"{number(a)} to {number(b)}" for a, b in zip(rows[low], rows[high], strict=True)]


def _moments(fit: "Fit") -> Section:
    rows = fit.moments
    table = pd.DataFrame(
        {
            "moment": rows["moment"],
            "used": rows["part"],
            "recorded": rows["target"].map(number),
            "its error": rows["target_error"].map(number),
            "simulated": rows["simulated"].map(number),
            "error of the mean": rows["simulated_error"].map(number),
            "single runs, 5% to 95%": _ends(rows, "simulated_5", "simulated_95"),
            "gap in standard errors": rows["z"].map(lambda z: f"{z:+.1f}".replace("-", "−")),
        }
    )
    return Section(
        "moments", "Moments: recorded and simulated", MOMENTS, moments_figure(rows), "", table
    )


def _profiles(fit: "Fit") -> Section:
    labels = dict(zip(fit.parameters["path"], fit.parameters["label"], strict=True))
    rows = fit.profiles
    table = pd.DataFrame(
        {
            "held": rows["path"].map(labels),
            "at": rows["value"].map(number),
            "criterion": rows["criterion"].map(number),
            **{f"{labels[path]} there": rows[f"at:{path}"].map(number) for path in labels},
        }
    )
    figure = profiles_figure(rows, fit.parameters)
    return Section("profiles", "Which parameters the moments tell", PROFILES, figure, "", table)


def _search(fit: "Fit") -> Section:
    rows = fit.trace.nsmallest(10, "criterion")
    labels = dict(zip(fit.parameters["path"], fit.parameters["label"], strict=True))
    table = pd.DataFrame(
        {
            "point": rows["point"].map(count),
            "stage": rows["stage"],
            "criterion": rows["criterion"].map(number),
            **{label: rows[path].map(number) for path, label in labels.items()},
        }
    )
    return Section(
        "search",
        "The search",
        SEARCH,
        search_figure(fit.trace),
        f"{plural(len(fit.trace), 'point')}; the table has the ten best.",
        table,
    )


def _how(fit: "Fit") -> Section:
    found, s = fit.calibration, fit.summary
    lines = {
        "runs averaged at a point": count(s["replicates"]),
        "runs at the estimate and for slopes": count(s["replicates_at_estimate"]),
        "recorded returns": count(s["recorded_returns"]),
        "simulated returns for each recorded one": number(s["simulated_per_recorded"]),
        "random numbers": "the same at every point"
        if found.seeds.common
        else "others at every point",
        "bootstrap": f"{found.bootstrap.kind}, {count(found.bootstrap.draws)} resamples",
        "weights": found.weighting,
        "correlations drawn to zero by": f"{100 * s['shrinkage']:.1f}%",
        "condition number, before and after": f"{number(s['condition_before'])}, "
        f"{number(s['condition'])}",
        "simulation error": found.inference.simulation_error,
    }
    table = pd.DataFrame(lines.items(), columns=["what", "how"])
    caption = "The settings behind the numbers above, for who wants to check them."
    return Section("how", "How it was done", caption, table=table, is_table=True)


def _footer(fit: "Fit") -> str:
    sources = "".join(f"<li>{escape(s)}</li>" for s in fit.calibration.sources)
    return (
        f"<h2>Words</h2>{page.definitions(WORDS)}"
        + (f"<h2>Sources</h2><ul>{sources}</ul>" if sources else "")
        + "<p>A model that meets these moments need not be right in what they do not see.</p>"
    )
