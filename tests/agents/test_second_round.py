"""Auto-deleveraging of basis traders: exposure shows, they sell, and a second round follows."""

from typing import Any

import numpy as np
import pytest

from crossmargin.experiments.run import Run, simulate
from tests.agents.crowded import ADL, COIN, PERP, VAULT, crowded, fall, population

SEEDS = range(1, 6)


def longs_of(name: str, count: int, low: float, high: float) -> dict[str, Any]:
    """Longs with some leverage who wait for their liquidation."""
    longs = population(name, "leveraged", count, wealth=2e4)
    longs["position"] = {"side": "long", "leverage": {"uniform": [low, high]}}
    return longs | {"behaviour": {"add_share": 0.0, "reduce_share": 0.0}}


def crash(
    waterfall: tuple[dict[str, Any], ...],
    seed: int,
    steps: int = 300,
    *others: dict[str, Any],
    **own: Any,
) -> Run:
    """Longs who go bankrupt together, against basis traders who hold the other side."""
    longs = longs_of("longs", 100, 10.0, 18.0)
    basis = population("basis", "basis_traders", 20, wealth=1.5e6, position={"side": "balance"})
    basis["traits"] = {"reaction": {"lognormal": [120.0, 0.3]}, "rehedge": own.pop("rehedge", 0.0)}
    venue = {"waterfall": list(waterfall)}
    shock = [fall(-0.12)]
    scenario = crowded(longs, *others, basis | own, steps=steps, venue=venue, shock=shock)
    return simulate(scenario, seed=seed)


def unhedged(run: Run) -> Any:
    """Unhedged base by step."""
    return run.series.loc[run.series["market"] == PERP, "unhedged"].to_numpy()


def prices(run: Run, column: str, market: str = PERP) -> Any:
    return run.series.loc[run.series["market"] == market, column].to_numpy()


def test_deleveraging_leaves_basis_traders_naked_and_a_second_round_follows() -> None:
    """Coins are sold outside after the reaction time and lower the outside price again."""
    falls = []
    for seed in SEEDS:
        deleveraged, spared = crash(ADL, seed), crash(VAULT, seed)
        first = int(deleveraged.events.query("kind == 'adl'")["step"].min())
        naked = unhedged(deleveraged)
        opened = prices(deleveraged, "open_interest")[0]
        assert naked[:first].max() == 0.0
        assert naked.max() > 0.5 * opened
        assert naked[-1] < 0.1 * naked.max()  # sold, not kept
        assert unhedged(spared).max() < 0.05 * opened
        early, late = first + 5, len(naked) - 1
        assert naked[early] > 0.8 * naked.max()  # nobody has answered yet
        second = [prices(run, "reference")[[early, late]] for run in (deleveraged, spared)]
        falls.append([1.0 - after / before for before, after in second])
    with_adl, without = np.array(falls).T
    assert (with_adl > without).all()
    assert with_adl.mean() > without.mean() + 0.03


def test_the_second_round_stands_in_the_volume_of_the_leg_that_is_sold() -> None:
    """Coins on the venue are sold on its spot market; hedging again sells the perpetual."""
    coins = {"markets": [PERP, COIN], "collateral": {"BTC": 0.9}}
    for seed in (1, 2, 3):
        sold, spared = crash(ADL, seed, **coins), crash(VAULT, seed, **coins)
        again = crash(ADL, seed, rehedge=1.0)
        after = slice(75, None)
        assert prices(sold, "volume", COIN)[after].sum() > 50.0
        assert prices(sold, "mid", COIN)[-1] < 0.95 * prices(spared, "mid", COIN)[-1]
        assert prices(again, "volume")[after].sum() > 1.5 * prices(spared, "volume")[after].sum()
        assert prices(again, "mid")[after].min() < 0.95 * prices(spared, "mid")[after].min()


def closed_late(run: Run) -> Any:
    """Accounts closed by force when the first round was over for at least 100 s."""
    closed = run.events[run.events["kind"].isin(["adl", "backstop"])]
    return closed.loc[closed["step"] > closed["step"].min() + 20, "account"].unique()


def test_the_second_round_brings_down_who_survived_the_first() -> None:
    """Longs with leverage 5 to 6 bear the fall of 12%, but not the sales of the naked."""
    patient = longs_of("patient", 60, 5.2, 6.0)
    for seed in (1, 2, 3):
        with_adl, without = (crash(w, seed, 300, patient) for w in (ADL, VAULT))
        names = with_adl.accounts.set_index("account")["population"]
        late = closed_late(with_adl)
        assert len(late) > 30
        assert (names[late] == "patient").all()
        assert not len(closed_late(without))


def test_the_exposure_of_each_account_is_in_the_frame() -> None:
    """Right after deleveraging, exposures of accounts sum to what the series shows."""
    run = crash(ADL, 1, steps=70)
    own = run.accounts[run.accounts["population"] == "basis"]["exposure:BTC"]
    assert own.sum() > 100.0
    assert own.sum() == pytest.approx(unhedged(run)[-1], rel=0.05)
    assert own.min() > -1.0
