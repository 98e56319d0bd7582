"""Two stories on ensembles: hedges that are deleveraged, and a market without dip buyers.

Members of two ensembles have the same seeds and differ in one number; intervals are Student's, of
the differences within the pairs.
"""

import functools
from typing import Any

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.dashboards.report import report_html
from crossmargin.experiments.ensembles import Ensemble
from crossmargin.experiments.load import load_scenario
from crossmargin.model.errors import ParameterError

PERP, COIN = "ALT-PERP", "ALT-USDC"
#: The outside price has fallen, nobody has sold yet; when the second round is looked for, s.
FALLEN, AFTER = 560.0, 575.0
#: A vault with money takes over what would be deleveraged.
VAULT = {"venue.backstop": 1e8}
#: Cash of a buyer that is none.
NOBODY = {"population.buyers.wealth": 1.0}
MEMBERS = 24


def rounds(run: xm.Run) -> dict[str, float]:
    """What happened after the first round was over."""
    rows = run.series[run.series["market"] == PERP]
    late = rows[rows["seconds"] >= AFTER]
    before = rows[rows["seconds"] == FALLEN].iloc[0]
    closed = run.liquidations[run.liquidations["seconds"] >= AFTER]
    exposed = run.system.set_index("seconds")["unhedged:basis"]
    first = run.liquidations.loc[run.liquidations["kind"] == "adl", "seconds"].min()
    return {
        "second_fall": 1.0 - late["reference"].min() / before["reference"],
        "closed_late": float(closed["notional"].sum()),
        "exposed_before": float(exposed[exposed.index < first].max()),
        "exposed_most": float(exposed.max()),
        "exposed_last": float(exposed.iloc[-1]),
        "opened": float(rows["open_interest"].iloc[0] * rows["mark"].iloc[0]),
    }


@functools.cache
def members(*changes: tuple[str, float]) -> Ensemble:
    return xm.ensemble(
        "adl-naked-hedges", MEMBERS, overrides=dict(changes), functions=[rounds], jobs=2
    )


def ensemble(**changes: Any) -> Ensemble:
    return members(*changes.items())


def test_deleveraged_hedges_are_seen_as_exposure_and_are_sold() -> None:
    found = ensemble().frame
    assert (found["exposed_before"] < 0.3 * found["exposed_most"]).all()
    assert (found["exposed_most"] > 0.15 * found["opened"]).all()
    assert (found["exposed_last"] < 0.2 * found["exposed_most"]).mean() > 0.7
    np.testing.assert_array_equal(found["unhedged_most"], found["exposed_most"])
    spared = ensemble(**VAULT).frame
    assert (spared["exposed_most"] < 0.2 * found["exposed_most"]).all()


def test_deleveraging_hedges_brings_a_second_round() -> None:
    """In the outside price, in what is closed late and in the fall of both markets."""
    with_adl, without = ensemble(), ensemble(**VAULT)
    assert with_adl.less(without, "second_fall").low > 0.02
    assert with_adl.less(without, "closed_late").low > 0.0
    for market in (PERP, COIN):
        assert with_adl.less(without, f"markets.{market}.largest_fall").low > 0.0


@pytest.mark.parametrize("changes", [{}, VAULT])
def test_without_dip_buyers_the_coin_falls_deeper(changes: dict[str, float]) -> None:
    """With and without auto-deleveraging."""
    deserted, peopled = ensemble(**changes, **NOBODY), ensemble(**changes)
    gap = deserted.less(peopled, f"markets.{COIN}.largest_fall")
    assert gap.low > 0.0
    assert gap.n == MEMBERS


def spiral() -> dict[str, Any]:
    """A tenth of the leverage spiral, with buyers who have as much cash as longs have positions."""
    small = {
        "run.steps": 240,
        "shock.margin_change.at": 60.0,
        "population.traders.count": 150,
        "population.longs.count": 100,
        "population.shorts.count": 80,
        "population.hedgers.count": 6,
        "population.makers.behaviour.depth": 2e4,
        "venue.insurance": 5e4,
    }
    table = load_scenario("leverage-spiral", small).model_dump(mode="json", exclude_none=True)
    buyers = {"name": "buyers", "kind": "dip_buyers", "count": 60, "markets": ["BTC-PERP"]}
    table["population"].append(buyers | {"wealth": {"lognormal": [2e5, 0.8]}})
    return table


def test_without_dip_buyers_a_spiral_falls_deeper() -> None:
    """Where all of the fall is the venue's own."""
    peopled, deserted = (
        xm.ensemble(spiral(), 16, overrides=changes, jobs=2) for changes in ({}, NOBODY)
    )
    assert deserted.less(peopled, "markets.BTC-PERP.largest_fall").low > 0.0


def test_exposure_is_told_by_population_and_account() -> None:
    """Gross over accounts and signed for each: long what the hedge covered."""
    run = xm.simulate("adl-naked-hedges", seed=1, steps=120)
    basis = run.accounts[run.accounts["population"] == "basis"]
    assert run.system["unhedged"].equals(run.system["unhedged:basis"])
    assert basis["unhedged"].abs().sum() == pytest.approx(run.system["unhedged"].iloc[-1])
    assert basis["unhedged"].sum() > 0.9 * basis["unhedged"].abs().sum() > 1e6
    mid = run.series[run.series["market"] == PERP]["mid"].iloc[-1]
    assert basis["unhedged"].sum() == pytest.approx((basis["exposure:ALT"] * mid).sum(), rel=0.1)
    others = run.accounts[run.accounts["population"] != "basis"]
    assert not others["unhedged"].any()
    assert run.summary["unhedged_most"] == run.system["unhedged"].max()


def test_the_report_shows_hedges_lost_where_anybody_hedges() -> None:
    lost = report_html(xm.simulate("adl-naked-hedges", seed=1, steps=150))
    assert '<section id="unhedged"><h2>Hedges lost' in lost
    assert "stood without a hedge" in lost
    kept = report_html(xm.simulate("adl-naked-hedges", seed=1, steps=20))
    assert "Every hedge held" in kept
    assert "Hedges lost" not in report_html(xm.simulate("calm", seed=1, steps=20))


def test_ensembles_of_other_seeds_are_no_pairs() -> None:
    one, other = (xm.ensemble("calm", 2, seed=seed, steps=5) for seed in (1, 2))
    with pytest.raises(ParameterError, match="has other seeds"):
        one.less(other, "fills")
    assert one.less(one, "fills").value == 0.0
