"""Stop orders that wait from the start."""

from typing import Any

import numpy as np
import pytest

from crossmargin.experiments.run import simulate
from crossmargin.model.errors import ParameterError
from crossmargin.model.kernel import from_python
from crossmargin.model.state import ON_LAST, REDUCE_ONLY, RISING
from crossmargin.model.stop_orders import is_armed
from crossmargin.model.world import World
from tests.experiments.initial.markets import FEW, built


def with_stops(population: str = "longs", **keys: Any) -> dict[str, Any]:
    return {f"population__{population}__position__stops": {"loss": 0.1, **keys}}


def waiting(world: World) -> Any:
    return world.state.stops.orders[world.state.stops.orders["id"] > 0]


def rows_of(world: World, population: str) -> Any:
    place = world.names.populations.index(population)
    return world.state.ledger.accounts["population"] == place


def test_longs_wait_below_and_above_the_first_price() -> None:
    world = built(**with_stops(gain={"uniform": [0.2, 0.4]}))
    stops, lots = waiting(world), world.state.ledger.lots[:, 0]
    longs = rows_of(world, "longs")
    assert len(stops) == 2 * np.count_nonzero(lots[longs]) == world.notes["initial"]["stops"]
    loss, gain = (stops[(stops["flags"] & RISING > 0) == rising] for rising in (False, True))
    assert (loss["trigger"] == round(0.9 * 120000)).all()
    assert ((gain["trigger"] > 143999) & (gain["trigger"] < 168001)).all()
    assert (stops["side"] == -1).all()
    assert (stops["flags"] & REDUCE_ONLY > 0).all()
    assert (stops["flags"] & ON_LAST == 0).all()
    assert not world.state.log.counters.any()


def test_shorts_wait_above_and_a_share_has_any() -> None:
    world = built(**with_stops("shorts", share=0.4, watch="last"), population__shorts__count=600)
    stops, lots = waiting(world), world.state.ledger.lots[:, 0]
    held = np.count_nonzero(lots[rows_of(world, "shorts")])
    assert abs(len(stops) / held - 0.4) < 4 * np.sqrt(0.24 / held)
    assert (stops["trigger"] == round(1.1 * 120000)).all()
    assert (stops["side"] == 1).all()
    assert (stops["flags"] & ON_LAST > 0).all()


def test_a_stop_measured_from_the_entry_is_placed_unless_it_was_passed() -> None:
    world = built(
        **with_stops(measured_from="entry"),
        population__longs__position__entry={"choice": [1.0, 1.05, 1.2]},
        population__longs__count=300,
    )
    entries = world.state.ledger.cost[:, 0] / np.maximum(1, world.state.ledger.lots[:, 0]) / 50
    stops = waiting(world)
    paid = entries[stops["account"]]
    np.testing.assert_allclose(stops["trigger"], 0.9 * paid, atol=1)
    assert len(stops) > 100
    assert (stops["trigger"] < 120000).all()  # whoever entered 20% above was stopped before


def test_stops_are_sent_when_their_price_comes() -> None:
    shock = {"kind": "price_shock", "at": 30.0, "change": -0.04}
    near = {"population.longs.position.stops": {"loss": 0.02}}
    overrides = FEW | near | {"shock": [shock]}
    run = simulate("calm", seed=1, overrides=overrides, audit=True)
    assert run.system["stops"].iloc[0] > 50
    assert run.summary["stops_triggered"] > 50
    assert run.system["stops"].iloc[-1] == 0
    plain = simulate("calm", seed=1, overrides=FEW | {"shock": [shock]})
    assert "initial" not in plain.summary


def test_agents_who_look_after_stops_know_those_that_they_begin_with() -> None:
    changes = {"population__longs__kind": "stop_users", "population__longs__behaviour": {}}
    world = built(**changes, **with_stops(gain=0.3))
    part = next(p for p, k in enumerate(world.parts) if k.name == "stop_users")
    row = world.state.parts[part]
    armed = from_python(is_armed)
    for stop in waiting(world):
        place = row["first_slot"] + (stop["account"] - row["first"]) * row["slots"]
        handle = world.state.crowd.handles[place + int(stop["flags"] & RISING > 0)]
        assert armed(world.state.stops, handle, stop["account"])


def test_stops_survive_a_burn_in() -> None:
    burn_in = {"window": 400.0, "least": 400.0, "most": 400.0, "cache": False}
    overrides = FEW | {
        "population.longs.position.stops": {"loss": 0.3},
        "initial.burn_in": burn_in,
        "run.steps": 2,
    }
    run = simulate("calm", seed=1, overrides=overrides)
    assert run.system["stops"].iloc[0] > 50
    assert run.system["stops_triggered"].sum() == 0


@pytest.mark.parametrize(
    ("stops", "words"),
    [
        ({}, "give the distance of a stop-loss"),
        ({"loss": 0.0}, "stops.loss: draws 0 for account 0"),
        ({"gain": {"uniform": [0.5, 2.0]}}, "stops.gain: draws"),
        ({"loss": 0.1, "share": 2.0}, "stops.share = 2.0"),
    ],
)
def test_bad_stops_are_named(stops: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        built(population__longs__position__stops=stops)
