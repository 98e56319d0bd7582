"""The page of a scorecard says what the scorecard says, also when much of it is missing."""

import json
from typing import Any

import numpy as np
import pytest

from crossmargin.dashboards.figures.scorecard import bands_figure, edges, place
from crossmargin.dashboards.scorecard import scorecard_html
from crossmargin.experiments.validation.events import read_events
from crossmargin.experiments.validation.facts import stylised_facts
from crossmargin.experiments.validation.impact import COLUMNS, fit
from crossmargin.experiments.validation.judging import (
    event_rows,
    fact_rows,
    impact_rows,
    plain,
)
from crossmargin.experiments.validation.observed import EDGES


def card(runs: int) -> dict[str, Any]:
    """Scorecard of invented values; every third fact is missing."""
    random = np.random.default_rng(1)
    names = [fact.name for fact in stylised_facts(30.0)]
    values = [
        {name: random.normal() if k % 3 else np.nan for k, name in enumerate(names)}
        for _ in range(runs)
    ]
    orders = np.abs(random.normal(size=(30 * runs, len(COLUMNS)))) * 0.01
    rows = fact_rows(values, 30.0)
    rows += impact_rows(fit(orders, np.repeat(np.arange(runs), 30), draws=30))
    events = []
    for event in read_events():
        measured = {record.measure: record.low for record in event.record}
        events.append(event_rows(event, [measured] * runs))
    null = {"name": "scenario", "title": "As it is", "meaning": "", "facts": fact_rows(values, 5.0)}
    return plain(
        {
            "scenario": "odd <name>",
            "title": "A & B",
            "plan": {"seeds": runs, "days": 30.0, "impact_days": 6.0}
            | {"null_seeds": 4, "null_days": 5.0, "event_seeds": 5},
            "versions": {"crossmargin": "0", "numpy": "0", "numba": "0"},
            "tally": {"passes": 1, "fails": 2, "undecided": 3},
            "facts": rows,
            "orders": {"columns": list(COLUMNS), "rows": orders.tolist()},
            "profile": np.linspace(0.0, 9.0, len(EDGES)).tolist(),
            "nulls": [null],
            "events": events,
            "notes": ["the path was replaced"],
        }
    )


@pytest.mark.parametrize("runs", [1, 6])
def test_the_page_holds_every_fact_and_crash(runs: int) -> None:
    made = card(runs)
    page = scorecard_html(made)
    for row in made["facts"]:
        assert row["title"] in page
    for event in made["events"]:
        assert event["title"] in page
    assert "the path was replaced" in page
    assert "odd <name>" not in page
    text = page.split('id="figures">')[1].split("</script>")[0]
    json.loads(text, parse_constant=pytest.fail)


def test_a_page_without_metaorders_says_so() -> None:
    made = card(1)
    made["orders"]["rows"] = []
    assert "Too few metaorders" in scorecard_html(made)


def test_bands_scale_values_and_cut_what_lies_far_away() -> None:
    assert place(3.0, (2.0, 4.0)) == 0.5
    assert place(99.0, (2.0, 4.0)) == 2.0
    assert place(-99.0, (2.0, 4.0)) == -1.0
    assert edges([3.0, None]) == (3.0, 6.0)
    assert edges([None, 2.0]) == (1.0, 2.0)


def test_every_verdict_has_a_mark_of_its_own() -> None:
    figure = bands_figure(card(6)["facts"])
    symbols = {trace.marker.symbol for trace in figure.data}
    assert len(symbols) == len(figure.data) >= 2
