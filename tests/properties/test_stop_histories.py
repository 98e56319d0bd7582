"""Stop orders on any history are those of a plain twin, and every one of them is counted."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.model.state import (
    CANCEL_STOP,
    FORCED,
    ON_LAST,
    REDUCE_ONLY,
    RISING,
)
from crossmargin.model.world import World
from tests.model.stop_market import MARK, desk, look, market, match, stop
from tests.small import clock_step, first_row, message, open_pair, send

commands = st.lists(
    st.tuples(
        st.sampled_from(["arm", "arm", "cancel", "look", "look", "trade"]),
        st.integers(0, 3),
        st.integers(-12, 12),
        st.sampled_from([0, 0, RISING, ON_LAST, RISING | ON_LAST]),
        st.integers(0, 30),
    ),
    max_size=40,
)


class Twin:
    """What a venue remembers of its stops: a list, in plain Python."""

    def __init__(self, world: World) -> None:
        self.world, self.armed = world, list[dict[str, int]]()

    def look(self, mark: int) -> list[tuple[int, int]]:
        lots, last = self.world.state.ledger.lots, int(self.world.state.book.ladders["last"][0])
        sent, kept = [], []
        for one in self.armed:
            price = 2 * last if one["flags"] & ON_LAST else mark
            reached = price >= one["trigger"] if one["flags"] & RISING else price <= one["trigger"]
            if lots[one["row"], 0] * one["side"] >= 0:
                continue
            if reached:
                sent.append((one["row"], one["lots"] or abs(int(lots[one["row"], 0]))))
            else:
                kept.append(one)
        self.armed = kept
        return sorted(sent)


@settings(max_examples=40, deadline=None)
@given(commands)
def test_any_history_of_stops_is_that_of_the_twin(history: list[tuple[Any, ...]]) -> None:
    world = market()
    state, first = world.state, first_row(world.state)
    open_pair(state, first + 3, first + 1, 60)
    twin = Twin(world)
    for step, (kind, account, away, flags, lots) in enumerate(history, 1):
        clock_step(state, step)
        row = first + account
        side = 1 if state.ledger.lots[row, 0] < 0 else -1
        if kind == "arm":
            before = desk(world, "placed")
            match(world, stop(row, side, MARK + away, lots, flags=REDUCE_ONLY | flags, slot=1))
            if desk(world, "placed") > before:
                handle = int(state.crowd.handles[0])
                twin.armed.append(
                    {"row": row, "side": side, "trigger": MARK + away, "lots": lots,
                     "flags": flags, "handle": handle}
                )  # fmt: skip
        elif kind == "cancel" and twin.armed:
            one = twin.armed.pop(account % len(twin.armed))
            gone = message(one["row"], 1, 0, 0, action=CANCEL_STOP, order=one["handle"])
            match(world, gone)
        elif kind == "trade" and lots:
            send(state, row, side, 10_000 + 20 * side, lots, author_class=FORCED, life=1)
        elif kind == "look":
            sent = look(world, MARK + away, step)
            found = zip(sent["account"].tolist(), sent["quantity"].tolist(), strict=True)
            assert sorted(found) == twin.look(MARK + away)
            match(world)
        counted = desk(world, "placed", "armed", "triggered", "cancelled")
        assert counted[0] == sum(counted[1:])
        assert counted[1] == len(twin.armed) == (state.stops.orders["id"] > 0).sum()
    assert not any(world.residuals().values())
