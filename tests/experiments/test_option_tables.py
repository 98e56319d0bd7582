"""Tables of options: what is listed, what is written back, what is refused and how."""

from typing import Any

import pytest

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.option_tables import plain
from crossmargin.experiments.wiring import program_of
from crossmargin.model.errors import ParameterError, ScenarioError
from tests.options import FIRST, N_SERIES, STRIKES, option_scenario, option_tables, option_world

PEOPLE = {"name": "people", "kind": "holders", "count": 6, "wealth": 1e5}
MAKERS = {"name": "makers", "kind": "option_makers", "count": 2, "wealth": 1e5}


def test_series_are_markets_by_expiry_strike_and_kind() -> None:
    names = [market.name for market in option_scenario().market]
    expected = [f"X-{s}s-{k:.0f}-{r}" for s in (200, 400) for k in STRIKES for r in "CP"]
    assert names == ["X-PERP", *expected]


def test_moneyness_gives_strikes_of_three_digits() -> None:
    rows = [{"strikes": [], "moneyness": [0.9876, 1.0, 1.2345]}]
    strikes = {
        market.series.strike for market in option_scenario(option=rows).market[1:] if market.series
    }
    assert strikes == {988.0, 1000.0, 1230.0}


@pytest.mark.parametrize(("value", "text"), [(60000.0, "60000"), (0.5, "0.5"), (1e-5, "0.00001")])
def test_names_have_no_exponents(value: float, text: str) -> None:
    assert plain(value) == text


def test_what_is_written_back_are_the_tables() -> None:
    people = [{**MAKERS, "markets": ["X-PERP", "X-OPTIONS"]}, PEOPLE]
    scenario = option_scenario(population=people)
    table = scenario.model_dump(mode="json", exclude_none=True)
    assert [market["name"] for market in table["market"]] == ["X-PERP"]
    assert table["population"][0]["markets"] == ["X-PERP", "X-OPTIONS"]
    assert load_scenario(table) == scenario == load_scenario(scenario)
    changed = load_scenario(scenario, {"option.X-OPTIONS.strikes": [900.0, 1100.0], "run.steps": 5})
    assert len(changed.market) == 1 + 8
    assert changed.population[0].markets == tuple(market.name for market in changed.market)


def test_a_population_may_trade_single_series() -> None:
    people = [{**MAKERS, "markets": ["X-200s-1000-C", "X-PERP"]}, PEOPLE]
    scenario = option_scenario(population=people)
    assert scenario.population[0].markets == ("X-200s-1000-C", "X-PERP")
    table = scenario.model_dump(mode="json", exclude_none=True)
    assert table["population"][0]["markets"] == ["X-200s-1000-C", "X-PERP"]


def test_two_tables_stand_in_the_order_of_their_expiries() -> None:
    other = {
        "name": "LATE",
        "strikes": [1000.0],
        "kinds": ["call"],
        "expiries": [{"seconds": 300.0}],
    }
    world = option_world(option=[{}, other])
    series = world.state.options.series
    assert series["seconds"].tolist() == [200.0] * 6 + [300.0] + [400.0] * 6
    assert series["expiry"].tolist() == [0] * 6 + [1] + [2] * 6
    assert world.state.options.expiries["step"].tolist() == [20, 30, 40]


REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"expiries": [{"seconds": -5.0}]}, ["option.X-OPTIONS.expiries.0.seconds", "-5", "expired"]),
    ({"expiries": [{"seconds": 0.0}]}, ["option.X-OPTIONS.expiries.0.seconds", "already expired"]),
    ({"expiries": [{"seconds": 9.0}]}, ["option.X-OPTIONS.expiries.0.seconds", "first block"]),
    ({"expiries": [{"seconds": 90.0}] * 2}, ["option.X-OPTIONS", "expiries: 90 s stands twice"]),
    ({"expiries": []}, ["option.X-OPTIONS.expiries"]),
    ({"strikes": [-1000.0]}, ["option.X-OPTIONS", "strikes: -1000 is no positive"]),
    ({"strikes": [1000.0, 1000.0]}, ["option.X-OPTIONS", "strikes: 1000.0 stands twice"]),
    ({"strikes": [1000.03]}, ["option.X-OPTIONS", "1000.03", "half a tick", "0.05"]),
    ({"strikes": []}, ["option.X-OPTIONS", "either strikes or moneyness"]),
    (
        {"strikes": [], "moneyness": [1.0, 1.0001]},
        ["option.X-OPTIONS", "strike: 1000 stands twice"],
    ),
    ({"strikes": [float(k) for k in range(900, 1000, 3)]}, ["136 series", "1 other", "62"]),
    ({"kinds": ["puts"]}, ["option.X-OPTIONS.kinds", "puts", "'call' or 'put'"]),
    ({"underlying": "Y"}, ["option X-OPTIONS: underlying", "no 'Y'", "X"]),
    ({"name": "X-PERP"}, ["option", "'X-PERP' is that of a market"]),
    ({"lot": 1e12}, ["option.X-OPTIONS.lot", "one lot is worth"]),
    ({"lot": 1e-7}, ["option.X-OPTIONS", "half a tick times a lot"]),
    ({"tick": 50.0}, ["X-200s-950-C.tick", "100 to"]),
    ({"tik": 0.1}, ["option.X-OPTIONS.tik", "unknown key", "tick"]),
    ({"margin": {"short_floor": 0.2}}, ["option.X-OPTIONS.margin", "short_floor is above"]),
    ({"margin": {"long_initial": 1.5}}, ["option.X-OPTIONS.margin.long_initial", "1.5"]),
    ({"maker_fee": -0.001}, ["option.X-OPTIONS", "rebate"]),
    ({"settlement_seconds": -1.0}, ["option.X-OPTIONS.settlement_seconds", "-1"]),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_what_makes_no_options_is_refused_with_its_key(
    change: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ScenarioError) as error:
        option_world(option=[change])
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize("key", ["market", "option", "population", "underlying"])
@pytest.mark.parametrize("value", [1, "words", [1], {"a": 1}])
def test_what_is_no_list_of_tables_is_refused_by_the_schema(key: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=key):
        load_scenario({**option_tables(), key: value})


def test_an_option_is_not_listed_by_hand() -> None:
    market = {**option_tables()["market"][0], "name": "MINE", "kind": "option"}
    with pytest.raises(ParameterError, match=r"market.MINE.kind: .*\[\[option\]\]"):
        option_scenario(market=[*option_tables()["market"], market])


def test_who_knows_no_options_cannot_trade_them() -> None:
    traders = {"name": "crowd", "kind": "chiarella_iori", "count": 3, "markets": ["X-OPTIONS"]}
    with pytest.raises(ParameterError, match=r"population.crowd.markets: .*X-200s-950-C"):
        option_world(population=[traders, PEOPLE])


def test_a_wrong_strategy_is_named() -> None:
    traders = {**PEOPLE, "kind": "option_traders", "markets": ["X-OPTIONS"]}
    with pytest.raises(ParameterError, match=r"behaviour.strategy = 'iron_condor'"):
        option_scenario(population=[{**traders, "behaviour": {"strategy": "iron_condor"}}])


def test_a_burn_in_is_refused() -> None:
    with pytest.raises(ParameterError, match="burn_in"):
        load_scenario({**option_tables(), "initial": {"burn_in": {}}})


SHORTS = {**MAKERS, "name": "shorts", "markets": ["X-OPTIONS", "X-PERP"], "count": 3}
LONGS = {**MAKERS, "name": "longs", "kind": "option_traders", "markets": ["X-OPTIONS"], "count": 2}


def test_options_may_be_held_at_the_start() -> None:
    rows = [{"longs": "longs", "shorts": "shorts", "units": 1.0}]
    rows += [{"longs": "shorts", "shorts": "longs", "units": 0.5, "series": ["X-200s-1000-P"]}]
    world = option_world(option=[{"open_interest": rows}], population=[SHORTS, LONGS, PEOPLE])
    names, ledger = world.names.markets, world.state.ledger
    call, put = (ledger.lots[FIRST : FIRST + 5, names.index(f"X-200s-1000-{r}")] for r in "CP")
    assert call.tolist() == [-34, -33, -33, 50, 50]
    assert put.tolist() == [-17, -16, -17, 25, 25]
    assert set(world.audit().values()) == {0}
    world.run(45, audit=True)
    assert not ledger.lots[:, 1:].any()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"longs": "nobody"}, ["open_interest.0", "no population 'nobody'", "longs"]),
        ({"longs": "shorts"}, ["open_interest.0", "both sides"]),
        ({"series": ["X-1s-1-C"]}, ["open_interest.0.series", "'X-1s-1-C' is no series"]),
        ({"units": 0.0}, ["open_interest.0.units", "greater than 0"]),
        ({"units": 1e5}, ["open_interest.0.units", "shorts would be below maintenance"]),
        ({"longs": "people"}, ["open_interest.0", "people has not all"]),
    ],
)
def test_what_cannot_be_held_is_refused(row: dict[str, Any], words: list[str]) -> None:
    rows = [{"longs": "longs", "shorts": "shorts", "units": 1.0, **row}]
    with pytest.raises(ParameterError) as error:
        option_world(option=[{"open_interest": rows}], population=[SHORTS, LONGS, PEOPLE])
    assert all(word in str(error.value) for word in words), error.value


def test_recorded_underlyings_need_strikes() -> None:
    recorded = {
        "name": "X",
        "path": {"kind": "recorded"},
        "recording": {"file": "btc_usd_daily.csv", "start": "2020-03-01"},
    }
    rows = [{"strikes": [], "moneyness": [1.0]}]
    with pytest.raises(ParameterError, match=r"moneyness: X has no first price"):
        option_scenario(underlying=[recorded], option=rows)


def test_options_add_nothing_to_the_program_of_others() -> None:
    tables = {**option_tables(), "option": []}
    with_none, with_some = load_scenario(tables), option_scenario()
    names = [{entry.part.name for entry in program_of(s)} for s in (with_none, with_some)]
    assert names[1] - names[0] == {"option_marks", "expiry", "option_greeks"}
    assert len(with_some.market) == len(with_none.market) + N_SERIES
