"""The report of a sweep: one HTML file that needs nothing else, and no network."""

from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from crossmargin.dashboards import page
from crossmargin.dashboards.document import document, versions, write_whole
from crossmargin.dashboards.figures.sweep_data import number, title_of, words_of
from crossmargin.dashboards.figures.words import count, duration, plural, share
from crossmargin.dashboards.page import Card
from crossmargin.dashboards.sweep_captions import NOTHING_VARIES, WORDS
from crossmargin.dashboards.sweep_sections import Findings, find, said, sections
from crossmargin.dashboards.sweep_tables import interval
from crossmargin.experiments.sweeps.reading import mixed
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import ParameterError


def write_sweep_report(sweep: Sweep, path: str | Path) -> Path:
    """Write the report of a sweep to a file, whole or not at all.

    Parameters
    ----------
    sweep : Sweep
        Finished or not.
    path : str or Path
        Where the HTML goes; the folder must exist.

    Returns
    -------
    Path
        The file written.
    """
    return write_whole(path, sweep_report_html(sweep))


def sweep_report_html(sweep: Sweep) -> str:
    """Return the report of a sweep as one HTML page."""
    found = find(sweep)
    title = sweep.plan.title or sweep.plan.name
    return document(title, _header(found, title), sections(found), _footer(sweep))


def _header(found: Findings, title: str) -> str:
    plan = found.sweep.plan
    what = plan.model or (plan.scenario if isinstance(plan.scenario, str) else "a scenario")
    facts = (
        f"Sweep {plan.name} of {what} · {plan.design.kind.replace('_', ' ')} design · "
        f"{_seeds(found.sweep)} · {versions('numpy', 'numba')}"
    )
    if len(found.sweep.versions) > 1:
        facts += f" · {mixed(found.sweep.versions)}"
    return (
        f"<h1>{escape(title)}</h1>{page.paragraphs(plan.story)}"
        f'<p class="facts">{escape(facts)}</p>{page.strip(cards(found))}'
        f'<p class="short"><b>In short.</b> {escape(in_short(found))}</p>'
    )


def _seeds(sweep: Sweep) -> str:
    kind = "common random numbers" if sweep.plan.seeds.common else "independent seeds"
    return f"{kind}, root seed {sweep.plan.seeds.root}"


def planned(sweep: Sweep) -> int | None:
    """Runs that a plan asks for; None where that depends on what comes out."""
    number_of = sweep.plan.replications.count
    if number_of is None:
        return None
    points = sweep.points
    is_shared = sweep.plan.seeds.common and len(points.columns)
    return number_of * (len(points.drop_duplicates()) if is_shared else len(points))


def cards(found: Findings) -> list[Card]:
    """Headline numbers of a sweep."""
    sweep = found.sweep
    done, asked, failed = sweep.finished, planned(sweep), len(sweep.failures)
    remark = "finished" if asked is None else f"of {count(asked)}"
    if done < len(sweep.runs):
        remark += "; equal points share theirs"
    items = [
        Card("Runs", count(done), remark, "bad" if asked is not None and done < asked else ""),
        Card("Points", count(len(sweep.points)), plural(len(sweep.plan.factor), "factor")),
        Card("Failed", count(failed), "runs with an error", "bad" if failed else ""),
    ]
    if len(sweep.timing):
        wall = sweep.timing["wall_seconds"]
        items.append(
            Card("Computing", duration(float(wall.sum())), f"{_each(float(wall.mean()))} a run")
        )
    for outcome in found.outcomes[:1]:
        mean = sweep.summary(outcomes=outcome, quantiles=()).iloc[0]
        items.append(Card(f"{title_of(outcome)}, mean", number(mean["mean"]), _plus(mean)))
    for luck in found.seeds[:1]:
        remark = f"of {words_of(luck.outcome)}; {share(luck.low)} to {share(luck.high)}"
        items.append(Card("Due to luck", share(luck.share), remark))
    return items


def _each(seconds: float) -> str:
    return duration(seconds) if seconds >= 0.01 else f"{number(1000 * seconds)} ms"


def _plus(mean: "pd.Series[Any]") -> str:
    """Interval of a mean, or why there is none."""
    if mean["mean_low"] != mean["mean_low"]:
        return "one run" if mean["n"] == 1 else "one seed: no interval"
    over = f" over {plural(int(mean['seeds']), 'seed')}" if mean["seeds"] < mean["n"] else ""
    return f"{number(mean['mean_low'])} to {number(mean['mean_high'])}{over}"


def in_short(found: Findings) -> str:
    """Tell the sweep in a few sentences."""
    if not len(found.sweep.runs):
        return "No run is finished yet."
    if not found.outcomes:
        return NOTHING_VARIES
    outcome = found.outcomes[0]
    row = found.sweep.summary(outcomes=outcome, quantiles=[]).iloc[0]
    words = f"{title_of(outcome)}: {interval(*row[['mean', 'mean_low', 'mean_high']])} on average"
    try:
        high = found.sweep.summary(outcomes=outcome, quantiles=[0.95]).iloc[0]
        words += f"; 95% of the runs stay below {number(high['q95'])}"
    except ParameterError:
        pass
    words += f".{over_seeds(row)}"
    for luck in found.seeds[:1]:
        words += f" {share(luck.share)} of the differences between runs is luck."
    if found.box is not None and found.box.limits:
        words += f" {said(found.box)}"
    return words


def over_seeds(row: "pd.Series[Any]") -> str:
    """Say what an interval over runs that share seeds is over."""
    if row["seeds"] == row["n"]:
        return ""
    if row["seeds"] == 1:
        return " All points share one seed: how far luck moves this, one replicate cannot tell."
    return f" The interval is over the {count(row['seeds'])} seeds that the points share."


def _made_by(sweep: Sweep) -> str:
    """Which versions of the model made the runs."""
    if len(sweep.versions) > 1:
        return f"Note: {mixed(sweep.versions)}."
    made = next(iter(sweep.versions), sweep.record.get("model_version", ""))
    return f"Model version {made}." if made else ""


def _footer(sweep: Sweep) -> str:
    sources = "".join(f"<li>{escape(s)}</li>" for s in sweep.plan.sources)
    return (
        f"<h2>Words</h2>{page.definitions(WORDS)}"
        + (f"<h2>Sources</h2><ul>{sources}</ul>" if sources else "")
        + "<p>Made by a model, not a record of real accounts."
        + (f" {escape(_made_by(sweep))}" if sweep.record else "")
        + "</p>"
    )
