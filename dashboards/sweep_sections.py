"""The sections of a sweep's report, in order."""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from crossmargin.dashboards import sweep_captions as captions
from crossmargin.dashboards import sweep_tables as tables
from crossmargin.dashboards.figures.sweep_box import box_figure
from crossmargin.dashboards.figures.sweep_curves import FACTORS, curves_figure
from crossmargin.dashboards.figures.sweep_data import (
    axis_of,
    curve,
    main_outcomes,
    number,
    strongest,
    title_of,
    words_of,
)
from crossmargin.dashboards.figures.sweep_ecdf import ecdf_figure
from crossmargin.dashboards.figures.sweep_parallel import parallel_figure
from crossmargin.dashboards.figures.sweep_phase import axes_of, is_grid, phase_figure
from crossmargin.dashboards.figures.sweep_sensitivity import (
    morris_figure,
    seed_figure,
    sobol_figure,
)
from crossmargin.dashboards.figures.words import count, share
from crossmargin.dashboards.page import Section
from crossmargin.experiments.analysis.boxes import Box
from crossmargin.experiments.analysis.discovery import discover
from crossmargin.experiments.analysis.seed_share import SeedShare, seed_share
from crossmargin.experiments.analysis.sensitivity import Sensitivity, sensitivity
from crossmargin.experiments.analysis.surfaces import response_surface
from crossmargin.experiments.sweeps.results import Sweep
from crossmargin.model.errors import CrossmarginError


class Findings(NamedTuple):
    """What the report says in several places."""

    sweep: Sweep
    outcomes: list[str]  # to draw
    seeds: list[SeedShare]
    box: Box | None
    why_no_box: str


def find(sweep: Sweep) -> Findings:
    """Analyse what the headline and the sections share."""
    outcomes = main_outcomes(sweep)
    seeds = []
    for outcome in main_outcomes(sweep, 8):
        try:
            seeds.append(seed_share(sweep, outcome))
        except CrossmarginError:
            continue
    try:
        box, why = (_box(sweep, outcomes[0]), "") if outcomes else (None, "")
    except CrossmarginError as error:
        box, why = None, str(error)
    return Findings(sweep, outcomes, seeds, box, why)


def _box(sweep: Sweep, outcome: str) -> Box:
    """Corner in which an outcome is above zero, where it often is not, or in its highest tenth."""
    values = sweep.runs[outcome].dropna()
    positive = float((values > 0).mean())
    if float(values.min()) == 0.0 and positive <= 0.5:
        return discover(sweep, outcome, above=0.0)
    return discover(sweep, outcome, above=float(values.quantile(0.9)))


def sections(found: Findings) -> list[Section]:
    """All sections of a report, in order."""
    sweep = found.sweep
    parts = [factors_section(sweep), outcomes_section(sweep)]
    parts += [curves_section(sweep, outcome) for outcome in found.outcomes]
    if found.outcomes:
        parts += [phase_section(sweep, found.outcomes[0])]
    if sweep.plan.design.kind in ("morris", "saltelli"):
        parts += [sensitivity_section(sweep, outcome) for outcome in found.outcomes]
    parts += [seed_section(found)]
    if found.outcomes:
        parts += [box_section(found), parallel_section(sweep, found.outcomes[0])]
    parts += [ecdf_section(sweep, outcome) for outcome in found.outcomes[:2]]
    if len(sweep.failures):
        parts += [failures_section(sweep)]
    return parts


def _tried(name: str, title: str, caption: str, make: Callable[[], Section]) -> Section:
    """Section, or in its place the reason why there is none."""
    try:
        return make()
    except CrossmarginError as error:
        text = str(error)
        return Section(name, title, caption, None, f"{text[0].upper()}{text[1:]}.")


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text.lower())


def factors_section(sweep: Sweep) -> Section:
    """What was varied."""
    words = "" if sweep.plan.factor else "Nothing was varied but the seed."
    table = tables.factors(sweep)
    return Section("factors", "What was varied", captions.FACTORS, None, words, table, True)


def outcomes_section(sweep: Sweep) -> Section:
    """Every outcome over all runs."""
    table, n = tables.outcomes(sweep), len(sweep.outcomes)
    words = f"The first {len(table)} of {n}." if n > len(table) else ""
    words = "No run is finished." if sweep.runs.empty else words
    return Section("outcomes", "What came out", captions.OUTCOMES, None, words, table, True)


def curves_section(sweep: Sweep, outcome: str) -> Section:
    """Outcome along each factor."""
    name, title = f"curves-{_slug(outcome)}", f"{title_of(outcome)} along each factor"
    if not sweep.plan.factor:
        return Section(name, title, captions.CURVES, None, "Nothing was varied but the seed.")
    paths = strongest(sweep, outcome)[:FACTORS]
    frames = {axis_of(sweep, path).label: curve(sweep, outcome, path) for path in paths}
    figure = curves_figure(sweep, outcome, paths)
    return Section(name, title, captions.CURVES, figure, "", tables.curves(frames))


def phase_section(sweep: Sweep, outcome: str) -> Section:
    """Outcome over the two factors that explain most."""
    title = f"{title_of(outcome)} over two factors"

    def make() -> Section:
        axes = axes_of(sweep, outcome)
        if is_grid(sweep, axes):
            return Section("phase", title, captions.PHASE_GRID, phase_figure(sweep, outcome))
        surface = response_surface(sweep, outcome)
        words = (
            f"A Gaussian process through {count(surface.points)} points predicts "
            f"{share(max(surface.explained, 0.0))} of the variance of points that it did not "
            f"see; its error there is {number(surface.error)}."
        )
        figure = phase_figure(sweep, outcome, surface=surface)
        return Section("phase", title, captions.PHASE_SURFACE, figure, words)

    return _tried("phase", title, captions.PHASE_GRID, make)


def sensitivity_section(sweep: Sweep, outcome: str) -> Section:
    """Measures that the design was made for."""
    kind = sweep.plan.design.kind
    caption = captions.MORRIS if kind == "morris" else captions.SOBOL
    name, title = f"sensitivity-{_slug(outcome)}", f"What matters for {words_of(outcome)}"

    def make() -> Section:
        found = sensitivity(sweep, outcome)
        figure = morris_figure(found) if kind == "morris" else sobol_figure(found)
        words = _sample_words(found)
        return Section(name, title, caption, figure, words, tables.indices(found))

    return _tried(name, title, caption, make)


def _sample_words(found: Sensitivity) -> str:
    noun = "trajectories" if found.kind == "morris" else "base points"
    words = f"{count(found.samples)} {noun}"
    if found.left_out:
        words += f"; {count(found.left_out)} more are left out because a run of them is missing"
    if found.noise == found.noise:
        words += f". Luck makes {share(found.noise)} of the variance of the points' averages"
    return f"{words}."


def seed_section(found: Findings) -> Section:
    """How much is luck."""
    title = "How much is luck"
    if not found.seeds:
        words = captions.NOTHING_VARIES
        if found.outcomes:
            words = "This takes two points with two replicates each, or more."
        return Section("seed", title, captions.SEED, None, words)
    figure = seed_figure(found.seeds)
    return Section("seed", title, captions.SEED, figure, "", tables.luck(found.seeds))


def said(box: Box) -> str:
    """The sentence of a box with the outcome in words."""
    return box.sentence.replace(box.outcome, words_of(box.outcome))


def box_section(found: Findings) -> Section:
    """Where the outcome is beyond the threshold."""
    title = f"Corner of high {words_of(found.outcomes[0])}"
    box = found.box
    if box is None:
        return Section("corner", title, captions.BOX, None, f"None was found: {found.why_no_box}.")

    def make() -> Section:
        figure = box_figure(found.sweep, box) if box.limits else None
        return Section("corner", title, captions.BOX, figure, said(box), tables.limits(box))

    return _tried("corner", title, captions.BOX, make)


def parallel_section(sweep: Sweep, outcome: str) -> Section:
    """Runs across all factors."""
    title = f"Runs, from their factors to {words_of(outcome)}"
    if len(sweep.plan.factor) < 2:
        words = "This takes two factors or more."
        return Section("parallel", title, captions.PARALLEL, None, words)
    return Section("parallel", title, captions.PARALLEL, parallel_figure(sweep, outcome))


def ecdf_section(sweep: Sweep, outcome: str) -> Section:
    """Distribution of an outcome, apart for the factor that explains most."""
    by = strongest(sweep, outcome)[:1]
    figure = ecdf_figure(sweep, outcome, by[0] if by else None)
    name, title = f"spread-{_slug(outcome)}", f"Spread of {words_of(outcome)}"
    levels = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
    rows = []
    for p in levels:
        found = sweep.runs[outcome].dropna().quantile(p)
        rows.append((f"{100 * p:g}%", number(float(found))))
    table = pd.DataFrame(rows, columns=["share of all runs", "at or below"])
    return Section(name, title, captions.ECDF, figure, "", table)


def failures_section(sweep: Sweep) -> Section:
    """Runs that failed."""
    table, n = tables.failures(sweep), len(sweep.failures)
    words = f"The first {len(table)} of {count(n)}." if n > len(table) else ""
    return Section("failures", "Failed runs", captions.FAILED, None, words, table, True)
