"""Entry prices drawn from the volume traded at each price."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare, ks_2samp, kstest

from crossmargin.experiments.initial.directions import Entries, terms_of
from crossmargin.experiments.initial.histories import Profile, profile_of, spread
from crossmargin.experiments.initial_tables import VolumeAtPrice
from crossmargin.experiments.layout import lay_out
from crossmargin.experiments.schema import Recording, Underlying
from crossmargin.model.errors import ParameterError, ScenarioError
from crossmargin.model.state import FIRST_SETTLEMENT
from tests.experiments.initial.markets import PERP, built, small

BTC = Underlying(name="BTC", price=60000.0)
PRICES, VOLUMES = (54000.0, 57000.0, 60000.0, 63000.0), (1.0, 4.0, 3.0, 2.0)
FROM = "volume_at_price"


def profile(**keys: Any) -> Profile:
    return profile_of(VolumeAtPrice(market=PERP, **keys), BTC, 60000.0, 3)


def entries_of(side: str, n: int = 4000) -> Any:
    """Entry prices of a population in the way a scenario draws them."""
    history = {"market": PERP, "prices": PRICES, "volumes": VOLUMES}
    changes: dict[str, Any] = {
        "initial": {"volume_at_price": [history], "liquidatable": "keep"},
        f"population__{side}__count": n,
        f"population__{side}__position__entry": FROM,
    }
    world = built(**changes)
    block = next(
        b for b in lay_out(small(**changes), FIRST_SETTLEMENT + 1) if b.population.name == side
    )
    rows = world.state.ledger
    lots, cost = rows.lots[block.rows, 0], rows.cost[block.rows, 0]
    held = lots != 0
    half = cost[held] / (lots[held] * int(rows.markets["half_unit"][0]))
    return 0.5 * half * float(rows.markets["tick"][0])


@pytest.mark.parametrize("side", ["longs", "shorts"])
def test_entries_follow_the_histogram(side: str) -> None:
    edges = [52500.0, 55500.0, 58500.0, 61500.0, 64500.0]
    found = entries_of(side)
    counts = np.histogram(found, edges)[0]
    assert counts.sum() == len(found)
    expected = np.array(VOLUMES) / sum(VOLUMES) * len(found)
    assert chisquare(counts, expected).pvalue > 1e-3
    inside = found[(found > 55500) & (found < 58500)]
    assert kstest((inside - 55500) / 3000, "uniform").pvalue > 1e-3


def test_longs_and_shorts_enter_at_the_same_prices() -> None:
    assert ks_2samp(entries_of("longs"), entries_of("shorts")).pvalue > 1e-3


def test_the_inverse_of_the_histogram_is_exact_at_its_edges() -> None:
    found = profile(prices=PRICES, volumes=(1.0, 0.0, 0.0, 3.0))
    assert found.quantile(np.array([0.0, 0.125, 0.999999])) == pytest.approx(
        [52500.0, 54000.0, 64500.0], abs=0.1
    )
    assert profile(prices=(58000.0,), volumes=(2.0,)).quantile(np.array([0.3])) == [58000.0]


def test_candles_spread_their_volume_evenly_and_old_ones_count_less(tmp_path: Path) -> None:
    found = spread(np.array([10.0, 20.0]), np.array([20.0, 20.0]), np.array([1.0, 3.0]), 10)
    assert found.volume == pytest.approx([0.1] * 9 + [3.1])
    file = tmp_path / "candles.csv"
    file.write_text(
        "timestamps,open,high,low,close,volume\n"
        "2024-01-01 00:00,100,110,90,100,8\n2024-01-01 01:00,100,210,190,200,8\n"
    )
    halved = profile(candles=str(file), look_back=3600, half_life=3600.0, bins=12)
    assert halved.volume[:2].sum() == pytest.approx(4.0)
    assert halved.volume[-2:].sum() == pytest.approx(8.0)
    rescaled = profile(candles=str(file), look_back=3600, rescale=True)
    assert rescaled.edges[0] == pytest.approx(90 * 300)


def test_the_past_of_a_recording_ends_where_the_run_starts() -> None:
    recording = Recording(file="btc_usd_hourly.csv", start="2024-08-04T00:00")
    recorded = Underlying(name="BTC", path={"kind": "recorded"}, recording=recording)
    table = VolumeAtPrice(market=PERP, look_back=7 * 86400.0)
    found = profile_of(table, recorded, 60000.0, 1)
    text = (Path("experiments/data") / "btc_usd_hourly.csv").read_text().splitlines()
    before = [r.split(",") for r in text[1:] if "2024-07-28" <= r[:10] < "2024-08-04"]
    assert found.edges[0] == min(float(r[3]) for r in before)
    assert found.edges[-1] == max(float(r[2]) for r in before)
    assert found.volume.sum() == pytest.approx(sum(float(r[5]) for r in before))


def test_a_simulated_past_depends_on_the_seed_and_ends_at_the_first_price() -> None:
    table = VolumeAtPrice(market=PERP, simulated=True, look_back=30 * 86400.0, half_life=1.0)
    first, other = (profile_of(table, BTC, 60000.0, seed) for seed in (1, 2))
    assert not np.array_equal(first.edges, other.edges)
    assert first.quantile(np.array([0.5]))[0] == pytest.approx(60000.0, rel=0.02)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("price,volume\n100,-1\n", "line 2, column volume: '-1'"),
        ("price,volume\n100,1\n90,1\n", "rise from bin to bin"),
        ("price,volume\n100,0\n", "there is no volume"),
        ("price,weight\n100,1\n", "line 1: no column volume"),
        ("price,volume\nx,1\n", "line 2, column price: 'x'"),
    ],
)
def test_bad_files_are_named_with_line_and_column(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "profile.csv"
    file.write_text(text)
    with pytest.raises((ParameterError, ScenarioError), match=words):
        profile(file=str(file))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"prices": (1.0,), "volumes": ()}, "1 prices and 0 volumes"),
        ({"prices": (1.0,), "volumes": (1.0,), "simulated": True}, "one source is enough"),
        ({"candles": "x.csv"}, "look_back: is missing"),
        ({}, "give prices and volumes"),
        ({"prices": (1.0,), "volumes": (1.0,), "half_life": 3.0}, "half_life: says something only"),
    ],
)
def test_a_history_has_one_source(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        small(initial={"volume_at_price": [{"market": PERP, **keys}]})


def test_a_history_and_those_who_draw_from_it_go_together() -> None:
    history = {"market": PERP, "prices": PRICES, "volumes": VOLUMES}
    with pytest.raises(ParameterError, match="no population there"):
        small(initial={"volume_at_price": [history]})
    with pytest.raises(ParameterError, match="there is none for BTC-PERP"):
        small(population__longs__position__entry=FROM)


def test_a_look_back_outside_the_file_is_refused() -> None:
    recording = Recording(file="btc_usd_hourly.csv", start="2024-01-03T00:00")
    recorded = Underlying(name="BTC", path={"kind": "recorded"}, recording=recording)
    with pytest.raises(ScenarioError, match=r"look-back of 864000 s .* runs from 2024-01-01"):
        profile_of(VolumeAtPrice(market=PERP, look_back=864000.0), recorded, 1.0, 1)
    with pytest.raises(ParameterError, match="no recording to look back in"):
        profile(look_back=3600.0)


def test_terms_of_a_population_do_not_depend_on_the_others() -> None:
    a, b = built(), built(population__traders__count=61)
    empty = {}
    for world, scenario in ((a, small()), (b, small(population__traders__count=61))):
        blocks = lay_out(scenario, FIRST_SETTLEMENT + 1)
        longs = next(x for x in blocks if x.population.name == "longs")
        attempts = np.zeros(len(world.state.ledger.accounts), np.int64)
        empty[id(world)] = terms_of(world.state, longs, 1, Entries({}, attempts))
    np.testing.assert_array_equal(empty[id(a)].leverage, empty[id(b)].leverage)
    np.testing.assert_array_equal(empty[id(a)].entry, empty[id(b)].entry)
