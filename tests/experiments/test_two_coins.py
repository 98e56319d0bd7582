"""Two coins that move together: the section [reference], and the story of the scenario."""

import functools
from typing import Any

import numpy as np
import pytest

from crossmargin.experiments.load import load_scenario, scenario_table
from crossmargin.experiments.run import Run, simulate
from crossmargin.experiments.sweeps.keys import all_keys
from crossmargin.model.errors import ParameterError

NAME, SEEDS = "two-coins", (1, 2, 3, 4)
BTC, ETH = "BTC-PERP", "ETH-PERP"
ISOLATED = ("population.crossers.margin", "isolated")
#: Makers who quote on whatever they risk, so that only collateral is shared.
WIDE = ("population.makers.behaviour.risk_limit", 10.0)
NO_SHOCK = ("shock.0.change", -1e-9)


@functools.cache
def run(seed: int, *changes: tuple[str, Any]) -> Run:
    return simulate(NAME, seed=seed, overrides=dict(changes))


def column(of: Run, name: str, market: str = BTC) -> Any:
    return of.series.loc[of.series["market"] == market, name].to_numpy()


def gap(of: Run, market: str = BTC) -> float:
    """Largest fall of the mark below the index, as a fraction."""
    return float((1.0 - column(of, "mark", market) / column(of, "index", market)).max())


def table() -> dict[str, Any]:
    return scenario_table(NAME)[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_fall_of_ether_sells_bitcoin(seed: int) -> None:
    found = run(seed)
    outside = column(found, "reference")
    assert 1.0 - outside.min() / outside[0] < 0.02  # nothing happened to it outside
    assert gap(found) > 0.01
    assert column(found, "forced_volume").sum() > 0
    assert set(found.summary["residuals"].values()) == {0}


@pytest.mark.parametrize("seed", SEEDS)
def test_without_shared_collateral_bitcoin_stands_still(seed: int) -> None:
    crossed, apart = run(seed, WIDE), run(seed, ISOLATED, WIDE)
    assert gap(apart) < 0.01
    assert gap(crossed) > 3 * gap(apart)
    assert column(apart, "forced_volume").sum() < 0.05 * column(crossed, "forced_volume").sum()
    assert gap(apart, ETH) > 0.02  # Ether is sold either way


@pytest.mark.parametrize("seed", SEEDS)
def test_makers_who_share_their_risk_carry_the_fall_over(seed: int) -> None:
    """Nobody shares collateral, yet Bitcoin's mark leaves its index as makers thin its book."""
    shared, wide = run(seed, ISOLATED), run(seed, ISOLATED, WIDE)
    assert gap(shared) > 2 * gap(wide)


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_without_the_fall_nobody_is_liquidated(seed: int) -> None:
    assert run(seed, NO_SHOCK).summary["liquidations"] == 0


def test_marks_move_together() -> None:
    change = [np.diff(np.log(column(run(1, NO_SHOCK), "reference", m)[::6])) for m in (BTC, ETH)]
    assert np.corrcoef(change)[0, 1] > 0.6


def paths_of(changed: dict[str, Any], **overrides: Any) -> dict[str, Any]:
    for row in changed["reference"]["loading"]:
        row["elasticity"] = 0.0  # what the venue does must not matter here
    found = simulate(changed, seed=5, steps=40, overrides=overrides)
    return {market: column(found, "reference", market) for market in (BTC, ETH)}


def test_one_more_underlying_moves_no_other() -> None:
    before, changed = table(), table()
    changed["underlying"].insert(0, {"name": "SOL", "price": 150.0})
    changed["reference"]["loading"].append({"underlying": "SOL", "stressed_beta": 2.0})
    found, other = paths_of(before), paths_of(changed)
    assert all(np.array_equal(found[market], other[market]) for market in (BTC, ETH))


def test_an_underlying_may_keep_a_path_of_its_own() -> None:
    changed = table()
    changed["reference"]["loading"].pop(1)
    changed["underlying"][1]["path"] = {"kind": "geometric_brownian", "volatility": 0.0}
    changed["shock"] = []
    found = paths_of(changed)
    assert len(set(found[ETH])) == 1
    assert np.array_equal(found[BTC], paths_of(table())[BTC])


def test_numbers_are_keys_of_sweeps_and_overrides() -> None:
    keys = all_keys(load_scenario(NAME))
    assert keys["reference.fast_half_life"].unit == "s"
    assert keys["reference.loading.ETH.stressed_beta"].value == 1.25
    changes = {"reference.loading.ETH.stressed_beta": 2.0, "reference.start": "stressed"}
    changed = load_scenario(NAME, changes)
    assert changed.reference is not None
    assert changed.reference["loading"][1]["stressed_beta"] == 2.0
    assert load_scenario(changed) == changed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference.kind": "geometric_brownian"}, "is no part for reference"),
        ({"reference.kind": "factor_loading"}, "is no part for reference"),
        ({"reference.fast": 1.0}, "reference.fast: unknown key"),
        ({"reference.leverage": 2.0}, "reference.leverage = 2.0: input should be less than"),
        ({"reference.loading.ETH.beta": 1.0}, "reference.loading.ETH.beta: unknown key"),
        ({"reference.loading.ETH.underlying": "SOL"}, "there is no 'SOL'; there are BTC, ETH"),
        ({"reference.loading.ETH.underlying": "BTC"}, "'BTC' stands twice"),
        ({"reference.loading": []}, "reference.loading: is missing"),
        ({"reference.loading": [{"calm_beta": 1.0}]}, "reference.loading.0.underlying: is missing"),
        ({"underlying.ETH.path.kind": "two_regimes"}, "has a path of its own"),
        ({"reference.start": "wild"}, "reference.start = 'wild'"),
    ],
)
def test_bad_input_names_the_key(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as error:
        load_scenario(NAME, changes)
    assert message in str(error.value)


def test_a_factor_is_no_path() -> None:
    for kind in ("factor_model", "factor_loading"):
        with pytest.raises(ParameterError, match="is no part for"):
            load_scenario("flash-crash", {"underlying.BTC.path": {"kind": kind}})
