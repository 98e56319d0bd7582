"""Records of documented crashes, and what a run of their scenario is measured by."""

from pathlib import Path

import numpy as np
import pytest

from crossmargin.experiments.run import simulate
from crossmargin.experiments.validation.events import (
    MEASURES,
    has_scenario,
    measures_of,
    read_events,
)
from crossmargin.experiments.validation.judging import event_rows
from crossmargin.model.errors import ScenarioError


def test_every_record_has_a_measure_a_span_and_a_source() -> None:
    events = read_events()
    assert {"black-thursday", "august-2024"} <= {e.scenario for e in events if has_scenario(e)}
    for event in events:
        names = [record.measure for record in event.record]
        assert len(set(names)) == len(names)
        assert set(names) <= set(MEASURES)


BAD = """
[[event]]
name = "x"
title = "x"
scenario = "x"
[[event.record]]
measure = "{measure}"
low = {low}
high = 1.0
kind = "predicted"
source = "somebody's book, page 3"
"""


@pytest.mark.parametrize(
    ("measure", "low", "words"),
    [("adl_share", 2.0, "low above high"), ("luck", 0.0, "none of"), ("adl_share", "'a'", "low")],
)
def test_a_wrong_record_is_named(tmp_path: Path, measure: str, low: object, words: str) -> None:
    file = tmp_path / "events.toml"
    file.write_text(BAD.format(measure=measure, low=low))
    with pytest.raises(ScenarioError, match=words):
        read_events(file)


def test_measures_agree_with_the_run() -> None:
    run = simulate("flash-crash", seed=1)
    found = measures_of(run)
    assert set(found) == set(MEASURES)
    assert found["liquidated_over_open_interest"] > 0
    assert 0.0 <= found["fund_use"] <= 1.0
    assert found["fund_change"] >= -found["fund_use"] - 1e-12
    adl = run.liquidations[run.liquidations["kind"].astype(str) == "adl"]
    assert np.isnan(found["first_adl_seconds"]) == (len(adl) == 0)
    assert found["adl_share"] == pytest.approx(
        adl["notional"].sum() / run.liquidations["notional"].sum(), abs=0.05
    )
    assert 0.05 < found["price_fall"] < 0.1


def test_a_verdict_compares_the_interval_with_the_record() -> None:
    event = next(e for e in read_events() if e.name == "black-thursday")
    record = {r.measure: 0.5 * (r.low + r.high) for r in event.record}
    exact = event_rows(event, [record, record])
    assert {row["verdict"] for row in exact["rows"]} == {"passes"}
    wrong = event_rows(event, [{k: v + 5.0 for k, v in record.items()}] * 2)
    assert {row["verdict"] for row in wrong["rows"]} == {"fails"}
    assert {row["verdict"] for row in event_rows(event, [record])["rows"]} == {"undecided"}
