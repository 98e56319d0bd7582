"""Who stands under a falling price, and who leaves it in a hurry: stories on small ensembles."""

from typing import Any

import numpy as np
import pytest

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import Run, simulate
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import CLASSES, FORCED

PERP = "BTC-PERP"
SEEDS = (1, 2, 3)
COUNTS = {
    "traders": 300, "longs": 250, "shorts": 200, "hedgers": 20, "makers": 4, "arbitrageurs": 4,
    "keepers": 2, "reporters": 5,
}  # fmt: skip
SHOCK_STEP = 120
SHOCK = {"kind": "price_shock", "underlying": "BTC", "at": 600.0, "change": -0.02}
DIPS = {
    "name": "dips",
    "kind": "dip_buyers",
    "count": 300,
    "markets": [PERP],
    "wealth": {"pareto": [5e4, 1.5, 1e6]},
    "behaviour": {"convexity": 1.0},
    "traits": {"first": {"uniform": [0.001, 0.004]}, "span": {"uniform": [0.005, 0.03]}},
}
STOPS = {"stop_share": 1.0, "profit_share": 0.0, "limit_share": 0.0}


def crowded(
    *more: dict[str, Any], longs: dict[str, Any] | None = None, depth: float = 2e5, **tables: Any
) -> dict[str, Any]:
    """A quarter of `leverage-spiral`, its longs changed, further populations added.

    Makers do not mind their risk, so that they stay.
    """
    table = load_scenario("leverage-spiral").model_dump(exclude_unset=True)
    makers = {"behaviour": {"depth": depth, "risk_limit": 10.0}}
    changed = {"longs": longs or {}, "makers": makers}
    table["population"] = [
        p | {"count": COUNTS[p["name"]]} | changed.get(p["name"], {}) for p in table["population"]
    ]
    table["population"] += more
    table["run"] = {"block_seconds": 5.0, "steps": 180}
    return table | tables


def with_stops(share: float, **tables: Any) -> dict[str, Any]:
    """Longs who all use a stop-loss, or none of them."""
    longs = {
        "kind": "stop_users",
        "behaviour": STOPS | {"stop_share": share},
        "traits": {"pause": {"uniform": [5.0, 300.0]}},
    }
    return crowded(longs=longs, **({"shock": [SHOCK]} | tables))


def series(run: Run) -> Any:
    return run.series[run.series["market"] == PERP]


def discount(run: Run) -> float:
    """Furthest that the venue's mid fell below the index."""
    rows = series(run)
    return float((1 - rows["mid"] / rows["index"]).max())


def fall_within(run: Run, blocks: int) -> float:
    """Largest fall of the mid within some blocks after the shock."""
    mid = series(run)["mid"].to_numpy()
    return float(1 - mid[SHOCK_STEP : SHOCK_STEP + blocks].min() / mid[SHOCK_STEP - 1])


@pytest.fixture(scope="module")
def stopped() -> list[Run]:
    return [simulate(with_stops(1.0), seed=seed, audit=True) for seed in SEEDS]


def test_without_dip_buyers_the_fall_is_larger() -> None:
    for seed in SEEDS:
        without, with_them = (simulate(crowded(*more), seed=seed) for more in ((), (DIPS,)))
        assert without.summary["liquidated_notional"] > 5e6
        assert discount(with_them) < 0.75 * discount(without)
        empty = [int(series(run)["bid"].isna().sum()) for run in (without, with_them)]
        assert empty[1] < empty[0]  # blocks that ended without a single bid


def test_dip_buyers_buy_the_fall_and_are_never_liquidated() -> None:
    run = simulate(crowded(DIPS), seed=1)
    rows = run.accounts[run.accounts["population"] == "dips"]
    assert rows[f"position:{PERP}"].sum() > 20
    assert (rows[f"position:{PERP}"] >= 0).all()
    assert rows["liquidations"].sum() == 0
    assert (rows[f"position:{PERP}"] * series(run)["mark"].iloc[-1] < rows["equity"]).all()


def test_with_stops_the_fall_is_faster(stopped: list[Run]) -> None:
    plain = [simulate(with_stops(0.0), seed=seed) for seed in SEEDS]
    one_minute = np.array([[fall_within(run, 12) for run in runs] for runs in (plain, stopped)])
    assert (one_minute[1] > one_minute[0]).all()
    assert one_minute[1].mean() > 1.3 * one_minute[0].mean()


def test_what_stops_did_is_counted_and_attributed_to_the_unit(stopped: list[Run]) -> None:
    for run in stopped:
        events, desk = run.events, run.world.state.stops.desk[0]
        triggered = events[events["kind"] == "stop"]
        assert len(triggered) == desk["triggered"] == run.system["stops_triggered"].sum() > 50
        assert run.system["stops"].iloc[-1] == desk["armed"]
        assert desk["placed"] == desk["armed"] + desk["triggered"] + desk["cancelled"]
        longs = run.accounts.loc[run.accounts["population"] == "longs", "account"]
        assert set(triggered["account"]) <= set(longs)
        assert run.accounts["pnl:stop"].sum() == pytest.approx(0.0, abs=1e-3)  # of one perpetual
        assert run.accounts.loc[longs, "pnl:stop"].sum() < 0
        assert run.world.state.log.shift[0, CLASSES.index("stop")] < 0


def test_attribution_stays_exact_when_stops_and_liquidations_mix() -> None:
    for seed in SEEDS[:2]:
        run = simulate(with_stops(1.0, shock=[SHOCK | {"change": -0.03}]), seed=seed, audit=True)
        assert run.summary["liquidations"] > 20
        log, ledger = run.world.state.log, run.world.state.ledger
        for m, market in enumerate(ledger.markets):
            rows = run.contagion.price.matrix(m)
            gained = log.by_class[:, m, FORCED] + ledger.lots[:, m] * log.shift[m, FORCED]
            assert np.array_equal(rows.sum(axis=0), gained * market["half_unit"])
        events = run.events.set_index("id")
        stops = events[(events["kind"] == "stop") & (events["parent"] >= 0)]
        assert len(stops)  # forced orders of the same block set them off
        parents = events.loc[stops["parent"]]
        assert (parents["kind"] == "forced_order").all()
        assert (parents["step"].to_numpy() == stops["step"].to_numpy()).all()


def test_who_cuts_early_is_liquidated_less_than_who_does_nothing() -> None:
    """Where the book can take what they sell."""
    found = []
    for share in (0.0, 1.0):
        longs = {"kind": "deleveragers", "behaviour": {"cut_share": share, "pay_share": 0.0}}
        runs = [simulate(crowded(longs=longs, depth=1e6), seed=seed) for seed in SEEDS]
        found.append([run.summary["liquidated_notional"] for run in runs])
    assert (np.array(found[1]) < 0.8 * np.array(found[0])).all()


SLIDE = {"kind": "price_shock", "underlying": "BTC", "at": 60.0, "change": -0.03, "spread": 780.0}


def slide(seed: int, cut_share: float, pay_share: float) -> Run:
    """Longs who watch their health while the price slides."""
    longs = {
        "kind": "deleveragers",
        "behaviour": {"cut_share": cut_share, "pay_share": pay_share},
        "traits": {"delay": {"lognormal": [60.0, 1.0]}},
    }
    return simulate(crowded(longs=longs, shock=[SLIDE]), seed=seed)


def test_money_that_comes_in_time_prevents_liquidations() -> None:
    for seed in SEEDS:
        idle, paid = slide(seed, 0.0, 0.0), slide(seed, 0.0, 1.0)
        assert paid.summary["liquidated_notional"] < 0.7 * idle.summary["liquidated_notional"]
        deposited = paid.accounts.groupby("population", observed=True)["deposited"].sum()
        assert deposited["longs"] > 1e5


def test_when_everyone_cuts_in_a_slide_the_crowd_may_bring_itself_down() -> None:
    worst = [
        max(slide(seed, share, 0.0).summary["liquidated_accounts"] for seed in range(1, 7))
        for share in (0.0, 1.0)
    ]
    assert worst[1] > 1.5 * worst[0]


def test_a_venue_that_tolerates_less_slippage_sells_less_through_its_stops() -> None:
    tight = simulate(with_stops(1.0, venue=_venue(slippage=0.002)), seed=2)
    wide = simulate(with_stops(1.0, venue=_venue(slippage=0.2)), seed=2)
    assert fall_within(tight, 12) < fall_within(wide, 12)


def _venue(**stops: float) -> dict[str, Any]:
    table = load_scenario("leverage-spiral").model_dump(exclude_unset=True)["venue"]
    return dict(table) | {"stops": {"kind": "stops", **stops}}


def test_scenarios_without_stop_users_have_no_part_for_stops() -> None:
    plain = simulate(crowded(), seed=1, steps=2)
    assert "stops" not in [part.name for part in plain.world.parts]
    names = [part.name for part in simulate(with_stops(1.0), seed=1, steps=2).world.parts]
    assert names.count("stops") == 2  # at the start of a block, and in every round
    with pytest.raises(ParameterError, match="slippage"):
        simulate(with_stops(1.0, venue=_venue(slippage=2.0)), steps=1)
