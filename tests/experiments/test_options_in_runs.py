"""Runs with options: Greeks by population, account and revaluation; saving; hedging feeds back."""

import functools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import crossmargin as xm
from crossmargin.dashboards.report import report_html
from crossmargin.experiments import store
from crossmargin.experiments.ensembles import Ensemble
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import Run, tables_of
from crossmargin.model.options.black76 import GREEKS
from crossmargin.model.options.surface import P as SMILE
from crossmargin.model.state import Array
from tests.options import YEAR, black_twin

NAME, PERP = "gamma-squeeze", "BTC-PERP"
#: The slip begins, the first options expire, s.
SLIP, EXPIRY = 900.0, 2700.0
OFF = "population.dealers.behaviour.hedge"


@functools.cache
def short_run(steps: int = 180) -> Run:
    return xm.simulate(NAME, seed=2, steps=steps, audit=True)


def revalued(run: Run, move: float = 0.0, volatility: float = 0.0) -> Array:
    """Value of one unit of each living series, quote, with the forward or all volatilities moved.

    The average that a series pays by moves with the forward by what is to come of it.
    """
    options = run.world.state.options
    found = np.zeros(len(options.series))
    for i, s in enumerate(options.series):
        expiry = options.expiries[s["expiry"]]
        if expiry["settled"]:
            continue
        forward = float(s["forward"]) + move * float(expiry["remaining"])
        sigma = float(s["volatility"]) + volatility * float(expiry["spread"])
        found[i] = black_twin(
            int(s["kind"]), forward, float(s["strike"]), s["seconds"] / YEAR, sigma
        )
    return found


@pytest.mark.parametrize("steps", [180, 430])
def test_greeks_of_populations_are_those_of_accounts_and_of_revaluation(steps: int) -> None:
    """At 430 blocks the first expiry stands in the window of its average."""
    run = short_run(steps)
    options, ledger = run.world.state.options, run.world.state.ledger
    last = run.greeks[run.greeks["step"] == steps - 1].set_index("population")
    accounts = run.accounts.groupby("population", observed=True)
    bump = 1.0
    up, down, now = revalued(run, bump), revalued(run, -bump), revalued(run)
    vega = (revalued(run, volatility=1e-5) - revalued(run, volatility=-1e-5)) / 2e-5
    differences = {
        "delta": (up - down) / (2 * bump),
        "gamma": (up - 2 * now + down) / bump**2,
        "vega": vega,
    }
    units = ledger.lots[:, options.markets] * options.series["lot"]
    for name in ("dealers", "protection"):
        rows = run.accounts["population"] == name
        assert np.abs(units[rows]).sum() > 10
        for greek in GREEKS:
            total = accounts[f"{greek}:BTC"].sum()[name]
            assert total == pytest.approx(last.loc[name, greek], rel=1e-9, abs=1e-9)
        for greek, of_series in differences.items():
            total = float(units[rows].sum(axis=0) @ of_series)
            held = np.abs(units[rows]).sum(axis=0)
            scale = float(1e-4 * held @ np.abs(of_series) + 1e-9 * held.sum())
            assert last.loc[name, greek] == pytest.approx(total, abs=scale), (name, greek)
    # marks at which the last block valued them
    value = float(units[run.accounts["population"] == "dealers"].sum(axis=0) @ now)
    assert last.loc["dealers", "value"] == pytest.approx(value, abs=np.abs(units).sum())


def test_greeks_of_series_stand_beside_those_of_populations() -> None:
    run = short_run()
    frame = run.series_greeks
    last = frame[frame["step"] == 179].set_index("market")
    options = run.world.state.options
    assert len(last) == len(options.series) == 20
    calls, puts = last["delta"].iloc[0::2], last["delta"].iloc[1::2]
    assert calls.to_numpy() - puts.to_numpy() == pytest.approx(1.0)
    levels = options.smiles[:, SMILE.level]
    assert (np.abs(last["volatility"] / np.repeat(levels, 10) - 1) < 0.5).all()
    assert (last["seconds_left"] > 0).all() and math.isclose(
        last["forward"].std(), 0.0, abs_tol=1.0
    )


def test_exposure_counts_options_by_their_delta() -> None:
    run = short_run()
    rows = run.accounts[run.accounts["population"] == "dealers"]
    net = rows["delta:BTC"] + rows[f"position:{PERP}"]
    assert rows["exposure:BTC"].to_numpy() == pytest.approx(net.to_numpy())
    assert abs(rows["delta:BTC"]).sum() > 1.0


def test_a_run_with_options_is_saved_and_reproduced(tmp_path: Path) -> None:
    run = short_run()
    folder = run.save(tmp_path / "run")
    assert {file.stem for file in folder.glob("*.parquet")} == set(tables_of(run.scenario))
    is_equal, _, notes = store.reproduce(folder)
    assert is_equal, notes


def test_a_branch_of_a_run_with_options_has_their_state() -> None:
    world = short_run().world.fork()
    other = world.fork()
    for each in (world, other):
        each.run(30, audit=True)
    assert world.state.options.series.tobytes() == other.state.options.series.tobytes()
    assert not np.shares_memory(world.state.options.series, other.state.options.series)
    assert (
        world.state.options.expiries["samples"].tolist()
        == other.state.options.expiries["samples"].tolist()
    )


def test_reports_and_graphs_take_options() -> None:
    run = xm.simulate(NAME, seed=1, steps=600)
    assert (run.events["kind"] == "expiry").any()
    assert "BTC-PERP" in report_html(run)
    graph = run.contagion.graph(level="population")
    assert (
        "dealers" in {data["population"] for _, data in graph.nodes(data=True)} or len(graph) == 0
    )


def without_options(is_listed: bool) -> Run:
    """The scenario without whoever trades options, with or without options to trade."""
    table = load_scenario(NAME).model_dump(mode="json", exclude_none=True)
    people = [p for p in table["population"] if "BTC-OPTIONS" not in p["markets"]]
    options = table["option"] if is_listed else []
    return xm.simulate({**table, "population": people, "option": options}, steps=240)


def test_options_that_nobody_trades_change_nothing_else() -> None:
    """Prices, positions, money and gains are the same to the last bit."""
    runs = [without_options(listed) for listed in (True, False)]
    kept = [PERP, "BTC-USDC"]
    rows = [run.series[run.series["market"].isin(kept)] for run in runs]
    assert len(rows[0]) == 2 * 240 and rows[0]["volume"].sum() > 0
    assert_same(*(frame.drop(columns="market") for frame in rows))
    populations = [population.name for population in runs[1].scenario.population]
    # a sum over more markets may round another way
    other = ("account", "owner", "population", "exposure:BTC")
    names = [c for c in runs[1].accounts.columns if c not in other]
    held = [run.accounts[run.accounts["population"].isin(populations)] for run in runs]
    assert len(held[0]) > 400
    assert_same(*(frame[names] for frame in held))


def assert_same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    plain = [frame.reset_index(drop=True) for frame in (left, right)]
    pd.testing.assert_frame_equal(*plain, check_exact=True, check_categorical=False)


def squeeze(run: Run) -> dict[str, float]:
    """Fall and volatility of the perpetual from the slip to the expiry, and what dealers held."""
    rows = run.series[run.series["market"] == PERP].set_index("seconds")["mid"]
    before, after = float(rows.loc[SLIP - 5.0]), rows.loc[SLIP:EXPIRY]
    greeks = run.greeks[run.greeks["population"] == "dealers"].set_index("seconds")
    returns = np.diff(np.log(after.to_numpy()))
    return {
        "fall": 1.0 - float(after.min()) / before,
        "volatility": float(returns.std() * math.sqrt(YEAR / 5.0)),
        "gamma": float(greeks.loc[SLIP : SLIP + 300.0, "gamma"].mean()),
    }


def squeezes(hedge: str) -> Ensemble:
    return xm.ensemble(NAME, 12, overrides={OFF: hedge}, functions=[squeeze], jobs=2)


@pytest.mark.long
def test_dealers_short_of_gamma_make_the_fall_deeper() -> None:
    """The same seeds with hedging and without; the interval is Student's, of paired differences."""
    on, off = squeezes("on").frame, squeezes("off").frame
    assert on["gamma"].mean() < 0 and off["gamma"].mean() < 0
    for name in ("fall", "volatility"):
        gained = on[name].to_numpy() - off[name].to_numpy()
        error = gained.std(ddof=1) / math.sqrt(len(gained))
        assert gained.mean() > 2.2 * error, name
        assert gained.mean() > 0.1 * off[name].mean(), name
