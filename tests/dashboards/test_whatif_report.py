"""The page of a counterfactual says what the counterfactual says."""

from pathlib import Path

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.dashboards.figures.whatif import accounts_figure, effects_figure, paths_figure
from crossmargin.dashboards.figures.words import ACCOUNTING
from crossmargin.dashboards.whatif_report import in_short, side_by_side, whatif_html, write_whatif
from tests.experiments.rare.spiral import spiral

NAMES = {"baseline": "as it is", "intervention": "undone"}


@pytest.fixture(scope="module")
def found() -> xm.WhatIf:
    return xm.whatif(spiral(), no_feedback=True, futures=3, seed=1, steps=40)


def test_prices_are_drawn_as_they_are(found: xm.WhatIf) -> None:
    figure = paths_figure(found.paths, "BTC-PERP", NAMES)
    lines = {trace.name: np.asarray(trace.y) for trace in figure.data if trace.name}
    rows = found.paths[found.paths["market"] == "BTC-PERP"]
    for arm, name in NAMES.items():
        part = rows[rows["arm"] == arm]
        assert np.array_equal(lines[name], part["mean"])
        assert np.array_equal(lines[f"{name}, the run itself"], part["run"])


def test_effects_are_drawn_as_shares_of_the_baseline(found: xm.WhatIf) -> None:
    figure = effects_figure(found.table, ["losses", "socialised", "episodes"])
    points = figure.data[-1]
    assert list(points.y) == ["losses", "episodes"]  # nothing is socialised in the baseline
    row = found.effect("losses")
    assert points.x[0] == pytest.approx(100 * row["effect"] / row["baseline"])
    assert max(figure.layout.xaxis.range) <= 110
    empty = effects_figure(found.table, ["socialised"])
    assert "Nothing happened" in empty.layout.annotations[0].text


def test_accounts_show_the_effect_and_the_ledger_beside(found: xm.WhatIf) -> None:
    figure = accounts_figure(found.accounts)
    drawn = {trace.name: trace for trace in figure.data}
    most = found.accounts.loc[found.accounts["effect"].idxmax()]
    points = drawn["effect, mean over the futures"]
    assert points.y[0] == most["label"]
    assert points.x[0] == most["effect"]
    assert drawn["what the ledger books (accounting)"].x[0] == -most["ledger"]
    nobody = accounts_figure(found.accounts.assign(effect=0.0))
    assert "No account" in nobody.layout.annotations[0].text


def test_the_page_is_whole_and_says_what_a_ledger_share_is(
    found: xm.WhatIf, tmp_path: Path
) -> None:
    text = write_whatif(found, tmp_path / "whatif.html").read_text()
    assert text == whatif_html(found)
    assert ACCOUNTING in text
    assert "no forced order reaches a book" in text
    assert in_short(found).startswith("With this undone others lose")
    assert len(side_by_side(found)) == len(found.names)
    assert "http://" not in text.split("<script")[0]


def test_no_effect_is_called_none() -> None:
    none = xm.whatif("calm", no_feedback=True, futures=2, steps=5)
    assert "do not tell from no effect" in in_short(none)
    assert whatif_html(none).count("No account gains") == 1


def test_every_caption_of_a_ledger_share_says_so() -> None:
    from crossmargin.dashboards import captions

    for name in ("POPULATIONS", "ACCOUNTS", "CLASSES", "SPREAD", "LOST"):
        assert ACCOUNTING in getattr(captions, name), name
