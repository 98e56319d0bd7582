"""Scenarios from files and names, and what bad ones say."""

from pathlib import Path

import pytest

from crossmargin.experiments.load import load_scenario, scenario_names
from crossmargin.experiments.run import simulate
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import CrossmarginError, ParameterError, ScenarioError

TEXT = (Path(__file__).parents[2] / "experiments" / "scenarios" / "calm.toml").read_text()


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", scenario_names())
def test_every_built_in_scenario_loads_with_story_and_sources(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert len(scenario.story) > 200
    assert scenario.title
    assert scenario.sources


def test_a_scenario_survives_a_round_trip() -> None:
    scenario = load_scenario("calm")
    again = load_scenario(scenario.model_dump(mode="json", exclude_none=True))
    assert again == scenario


def test_overrides_reach_named_rows_numbered_rows_and_parts() -> None:
    scenario = load_scenario(
        "calm",
        {
            "venue.insurance": 5.0,
            "population.longs.count": 7,
            "market.0.taker_fee": 0.001,
            "venue.waterfall.adl.kind": "adl",
        },
    )
    assert scenario.venue.insurance == 5.0
    assert {p.name: p.count for p in scenario.population}["longs"] == 7
    assert scenario.market[0].taker_fee == 0.001


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("insurance = 2e6", "insurence = 2e6", ["venue.insurence", "did you mean 'insurance'"]),
        ("insurance = 2e6", "insurance = -1", ["venue.insurance", "-1", "greater than or equal"]),
        ("insurance = 2e6", "insurance = nan", ["venue.insurance", "finite"]),
        ("steps = 2160", "steps = 0", ["run.steps", "0"]),
        ("steps = 2160", 'steps = "many"', ["run.steps", "many"]),
        ("steps = 2160", "", ["run.steps", "missing"]),
        ('kind = "spot"', 'kind = "swap"', ["market.BTC-USDC.kind", "swap", "perpetual"]),
        ('underlying = "BTC"\ntick', 'underlying = "ETH"\ntick', ["BTC-PERP", "ETH", "BTC"]),
        ('kind = "book_orders"', 'kind = "bok_orders"', ["venue.waterfall.1", "bok_orders"]),
        ("depth = 1e5", "dept = 1e5", ["population.makers", "dept", "did you mean 'depth'"]),
        ("depth = 1e5", "depth = -1", ["population.makers", "depth", "-1"]),
        ("wealth = 2e6", "wealth = {uniform = [2, 1]}", ["population.investors.wealth", "low"]),
        ("wealth = 2e6", "wealth = {gauss = [2, 1]}", ["gauss", "normal"]),
        ("volatility = 0.50", "volatility = -0.5", ["reference.calm_volatility", "-0.5"]),
        ("lot = 0.0001", "lot = 0.00000001", ["market", "lot", "units"]),
        ("tick = 1.0", "tick = 10000.0", ["market.BTC-PERP.tick", "10000"]),
        ("count = 12", "count = 0", ["population.makers.count", "0"]),
        ("count = 12", "count = true", ["population.makers.count", "truth value"]),
        ("depth = 1e5", "depth = true", ["population.makers", "depth", "truth value"]),
        ("initial = 0.05", "initial = 0.01", ["tiers", "maintenance is above initial"]),
        ('name = "shorts"', 'name = "longs"', ["longs", "twice"]),
        ("[run]", "[initial]\nvolume_at_price = 1\n[run]", ["initial.volume_at_price", "1"]),
        ("[run]", "[initial]\nvolume_at_price = 'x.csv'\n[run]", ["initial.volume_at_price"]),
        ("collateral = { BTC = 0.25 }", "collateral = { BTC = 1.5 }", ["longs", "more than 1"]),
    ],
)
def test_a_bad_key_is_named_with_its_value(
    tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    from crossmargin.experiments.build import build

    assert old in TEXT
    path = written(tmp_path, TEXT.replace(old, new, 1))
    with pytest.raises(CrossmarginError) as caught:
        build(load_scenario(path), 0)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"a = [", b"\xff\xfe", b"", b"nonsense = 1", b"run = 3\nasset = 4"]
)
def test_files_that_are_no_scenario(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError, match=r"broken\.toml"):
        load_scenario(path)


def test_missing_files_and_names() -> None:
    with pytest.raises(ScenarioError, match="did you mean 'calm'"):
        load_scenario("clam")
    with pytest.raises(ScenarioError, match="no such file"):
        load_scenario("/nowhere/none.toml")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nope.nope", "nope: no such key"),
        ("venue", "venue"),
        ("population.lungs.count", "did you mean 'longs'"),
        ("run.block_seconds.x", "is a value"),
        ("market", "market"),
    ],
)
def test_override_paths_that_lead_nowhere(path: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        load_scenario("calm", {path: 1})


def test_every_field_of_the_schema_has_a_unit_or_a_description() -> None:
    def bare(schema: dict[str, object]) -> list[str]:
        tables = [schema, *schema.get("$defs", {}).values()]  # type: ignore[attr-defined]
        return [
            f"{table.get('title')}.{key}"
            for table in tables
            for key, field in table.get("properties", {}).items()
            if field.get("type") in ("number", "integer") and "unit" not in field
        ]

    assert bare(Scenario.model_json_schema()) == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("venue.mark", {"kind": "funding"}, "no part for venue.mark"),
        ("venue.oracle", {"kind": "geometric_brownian"}, "no part for venue.oracle"),
        ("population.longs.kind", "insurance", "no part for population"),
        ("population.longs.name", "fees", "row of the venue"),
        ("population.longs.markets", [], "needs markets"),
        ("population.longs.position.entry", -1.0, "position.entry"),
        ("population.longs.position.leverage", -3.0, "position.leverage"),
        ("population.longs.position.leverage", 1e12, "position.leverage"),
        ("population.makers.margin", "isolated", "'cross'"),
        ("population.makers.markets", ["BTC-PERP", "BTC-PERP"], "stands twice"),
        ("asset.BTC.maintenance_weight", 0.1, "below initial_weight"),
        ("population.makers.count", 3_000_000, "resting orders"),
        ("market.BTC-PERP.lot", 1e9, "one lot is worth"),
        ("market.BTC-PERP.lot", 1e18, "one lot is worth"),
        ("market.BTC-USDC.lot", 2.0**31, "market.BTC-USDC.lot"),
        ("population.makers.wealth", {"pareto": [10**30]}, "pareto takes"),
        ("population.makers.wealth", {"pareto": [10**400, 1.0]}, "finite"),
        ("population.makers.wealth", 1e300, "population.makers.wealth"),
        ("population.makers.wealth", {"lognormal": [2e3, 1e3]}, "population.makers.wealth"),
        ("run.block_seconds", 1e-320, "run.block_seconds"),
        ("venue.insurance", 1e18, "venue.insurance"),
        ("venue.check_seconds", 1e300, "venue.check_seconds"),
        ("population.longs.wealth", float("nan"), "finite"),
        ("population.longs.wealth", {"uniform": ["a", "b"]}, "not all numbers"),
        ("population.longs.collateral", {"BTC": float("nan")}, "collateral"),
        ("population.longs.kind", "..foo", "no name of a module"),
    ],
)
def test_what_contradicts_itself_is_refused(path: str, value: object, words: str) -> None:
    from crossmargin.experiments.build import build

    with pytest.raises(CrossmarginError, match=words):
        build(load_scenario("calm", {path: value}), 0)


@pytest.mark.parametrize("overrides", [["a"], {1: 2}])
def test_overrides_that_are_no_mapping_of_paths(overrides: object) -> None:
    with pytest.raises(ParameterError, match="overrides"):
        load_scenario("calm", overrides)  # type: ignore[arg-type]


@pytest.mark.parametrize("scenario", [None, 5, 1.5])
def test_scenarios_that_are_none(scenario: object) -> None:
    with pytest.raises(ScenarioError, match="scenario"):
        load_scenario(scenario)  # type: ignore[arg-type]


def test_coins_count_in_what_a_scenario_may_hold() -> None:
    """A fortune in coins leaves 64 bits when their price rises, as one in quote does."""
    from crossmargin.experiments.build import build

    rich = {"population.longs.wealth": 1e9, "population.longs.collateral": {"BTC": 1.0}}
    with pytest.raises(CrossmarginError, match="asset"):
        build(load_scenario("flash-crash", rich), 0)


def test_errors_found_while_building_name_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.replace("tick = 1.0", "tick = 1e-9", 1))
    with pytest.raises(CrossmarginError, match=f"{path.name}: market.*tick"):
        simulate(path, steps=1)
    key = "underlying.BTC.recording.file"
    with pytest.raises(CrossmarginError, match=r"august-2024.*recording.file.*no such file"):
        simulate("august-2024", steps=1, overrides={key: "x" * 300 + ".csv"})
