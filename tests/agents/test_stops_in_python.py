"""Stop orders of agents written in Python."""

from typing import Any

import numpy as np
import pytest

from crossmargin.agents.check import check_agent
from crossmargin.agents.orders import AgentError, exact
from crossmargin.agents.stage import FIRST, PERP, PRICE, TICK
from crossmargin.agents.trader import Trader
from crossmargin.agents.wishes import Stop
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import simulate
from crossmargin.model.state import CANCEL_STOP, ON_LAST, REDUCE_ONLY, RISING, STOP_ORDER
from tests.agents.stages import block, run, stage

MARKET = "BTC-PERP"


class Careful(Trader):
    """Protects its position on both sides once, and later thinks better of one of them."""

    def begin(self) -> None:
        """Remember nothing as yet."""
        self.days = 0

    def decide(self, market: Any) -> list[Any]:
        """Place two stops in the first block, cancel the first of them in the fourth."""
        self.days += 1
        if self.days == 1:
            sign = 1 if self.position(MARKET) > 0 else -1
            return [
                *self.stop_loss(MARKET, self.mark(MARKET) * (1 - 0.1 * sign)),
                *self.take_profit(
                    MARKET, self.mark(MARKET) * (1 + 0.2 * sign), quantity=10.0, on_last=True
                ),
            ]
        return [self.cancel(stop) for stop in self.open_stops[:1] if self.days == 4]


class Steady(Careful):
    """Keeps what it placed in the first block."""

    def decide(self, market: Any) -> list[Any]:
        """Place two stops in the first block and no more."""
        return [] if self.days else super().decide(market)


def test_stops_wait_and_are_cancelled() -> None:
    made = stage(Careful, 2)
    seen = run(made, 3)
    assert (seen[0]["action"] == STOP_ORDER).all()
    assert seen[0]["flags"].tolist() == [
        REDUCE_ONLY,
        REDUCE_ONLY | RISING | ON_LAST,
        REDUCE_ONLY | RISING,
        REDUCE_ONLY | ON_LAST,
    ]
    assert seen[0]["quantity"].tolist() == [0, 10_000, 0, 10_000]
    trader = made.trader(FIRST)
    first, second = trader.open_stops
    assert (first.side, first.is_rising, second.is_rising) == (-1, False, True)
    assert first.trigger < PRICE < second.trigger
    messages = block(made, 4)
    assert messages["action"].tolist() == [CANCEL_STOP] * 2
    made.close_block(4)
    assert [stop.handle for stop in trader.open_stops] == [second.handle]


def test_without_a_position_there_is_none() -> None:
    made = stage(Careful, 2)
    made.world.state.ledger.lots[FIRST:, PERP] = 0
    trader = made.trader(FIRST)
    assert trader.stop_loss(MARKET, 90.0) == trader.take_profit(MARKET, 110.0) == []


def test_the_checker_likes_it() -> None:
    check_agent(Careful)


def test_in_a_whole_market_the_stop_closes_the_position() -> None:
    table = load_scenario("leverage-spiral").model_dump(exclude_unset=True)
    few = {"traders": 200, "makers": 4, "hedgers": 10, "reporters": 5, "arbitrageurs": 4}
    table["population"] = [
        p | {"count": few[p["name"]]} for p in table["population"] if p["name"] in few
    ]
    makers = next(p for p in table["population"] if p["name"] == "makers")
    makers["behaviour"] = makers["behaviour"] | {"risk_limit": 10.0}  # they stay in the fall
    table["population"].append(
        {
            "name": "careful",
            "kind": f"{__name__}:Steady",
            "count": 2,
            "markets": [MARKET],
            "wealth": 1e5,
            "position": {"side": "long", "leverage": 2.0},
        }
    )
    shock = {
        "kind": "price_shock",
        "underlying": "BTC",
        "at": 200.0,
        "change": -0.15,
        "spread": 60.0,
    }
    table |= {"shock": [shock], "run": {"block_seconds": 5.0, "steps": 70}}
    run = simulate(table, seed=1, audit=True)
    stops = run.events[run.events["kind"] == "stop"]
    owners = run.accounts[run.accounts["population"] == "careful"]
    assert set(stops["account"]) == set(owners["account"])
    assert (stops["seconds"] >= 200).all()
    assert (owners[f"position:{MARKET}"] == 0).all()
    assert (owners["liquidations"] == 0).all()


def test_triggers_are_rounded_away_from_the_price() -> None:
    world = stage(Careful, 2).world
    rising = exact(world, Stop(MARKET, -1, 110.0012, True))
    falling = exact(world, Stop(MARKET, -1, 89.9988, False))
    assert (rising.order, falling.order) == (22_001, 17_999)
    assert exact(world, Stop(MARKET, -1, 110.0, True)).order == round(2 * 110 / TICK)


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        (Stop("BTC", -1, 90.0, False), "there are BTC-PERP"),
        (Stop(MARKET, 0, 90.0, False), "side 0"),
        (Stop(MARKET, -1, -1.0, False), "a trigger is a number above 0"),
        (Stop(MARKET, -1, np.nan, False), "a trigger is a number above 0"),
        (Stop(MARKET, -1, 90.0, False, quantity=0.0), "0.0 base"),
        (Stop(MARKET, -1, 90.0, False, price=-2.0), "price -2.0"),
        (Stop(MARKET, -1, 90.0, False, reduce_only=False), "reduce-only"),
        (Stop(MARKET, -1, 90.0, False, quantity=1e16), "64 bits"),
    ],
)
def test_what_is_no_stop_is_refused_with_a_reason(stop: Stop, said: str) -> None:
    with pytest.raises(AgentError, match=said):
        exact(stage(Careful, 2).world, stop)
