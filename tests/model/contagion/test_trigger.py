"""Cascades: generations and roots from the chain of parents."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.model.contagion.trigger import cascade, generations
from crossmargin.model.state import EVENT, FORCED_ORDER, LIQUIDATION, PENALTY, Array


def log(rows: list[tuple[int, int, int, int]]) -> tuple[Array, Array]:
    """Events and liquidations of (parent, account, kind, notional); ids count from 0."""
    events = np.zeros(len(rows), EVENT)
    liquidations = np.zeros(len(rows), LIQUIDATION)
    for i, (parent, account, kind, notional) in enumerate(rows):
        events[i]["id"], events[i]["parent"] = i, parent
        events[i]["account"], events[i]["kind"], events[i]["step"] = account, kind, 10 + i
        liquidations[i]["event"], liquidations[i]["notional"] = i, notional
    return events, liquidations[events["kind"] == FORCED_ORDER]


def test_two_roots_and_a_chain() -> None:
    rows = [
        (-1, 7, FORCED_ORDER, 100),  # 0: a root
        (0, 7, PENALTY, 0),
        (0, 7, FORCED_ORDER, 50),  # more of the same episode
        (2, 8, FORCED_ORDER, 30),  # 3: broke after event 2
        (3, 9, FORCED_ORDER, 20),  # 4: the third generation
        (-1, 5, FORCED_ORDER, 1),  # 5: another root
        (3, 8, FORCED_ORDER, 10),
    ]
    table = cascade(*log(rows))
    expected = {
        "event": [0, 3, 4, 5],
        "account": [7, 8, 9, 5],
        "step": [10, 13, 14, 15],
        "generation": [0, 1, 2, 0],
        "root": [0, 0, 0, 5],
        "notional": [150, 40, 20, 1],
    }
    assert table.to_dict("list") == expected
    sizes = generations(table)
    assert sizes["episodes"].tolist() == [2, 1, 1]
    assert sizes["notional"].tolist() == [151, 40, 20]
    assert sizes["offspring"].tolist() == [0.5, 1.0, 0.0]


def test_an_account_that_breaks_again_by_another_is_a_new_episode() -> None:
    rows = [(-1, 1, FORCED_ORDER, 1), (0, 2, FORCED_ORDER, 1), (1, 1, FORCED_ORDER, 1)]
    table = cascade(*log(rows))
    assert table["generation"].tolist() == [0, 1, 2]
    assert table["root"].tolist() == [0, 0, 0]


def test_no_liquidation_gives_an_empty_table() -> None:
    table = cascade(*log([]))
    assert len(table) == 0
    assert list(table.columns) == ["event", "account", "step", "generation", "root", "notional"]
    assert len(generations(table)) == 0


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4)), max_size=40))
def test_every_notional_is_in_one_episode(drawn: list[tuple[int, int]]) -> None:
    rows = [
        (parent - 1 if parent <= i else -1, account, FORCED_ORDER, i + 1)
        for i, (parent, account) in enumerate(drawn)
    ]
    table = cascade(*log(rows))
    assert table["notional"].sum() == len(rows) * (len(rows) + 1) // 2
    assert (table["root"] <= table["event"]).all()
    assert ((table["generation"] == 0) == (table["root"] == table["event"])).all()
