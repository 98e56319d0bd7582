"""Adding an agent, in whatever population, changes no other agent's draws or orders."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmargin.agents.stage import FIRST, Stage
from crossmargin.model.draws import population_key
from crossmargin.model.state import Array
from tests.agents.stages import block, stage

KINDS: dict[str, Any] = {
    "chiarella_iori": {"rate": 0.7, "horizon": 4.0},
    "leverage_targeters": {"interval": 1.0, "band": 0.01},
    "leveraged": {"temper": 0.4, "delay": 0.0, "threshold": 99.0},
}


def arrays(made: Stage) -> list[Array]:
    """Arrays that hold what belongs to an account, by row."""
    crowd, ledger = made.world.state.crowd, made.world.state.ledger
    return [crowd.traits, crowd.memory, ledger.balances, ledger.lots, ledger.cost, ledger.accounts]


def moved(source: Stage, kind: str, rows: list[int], n_agents: int) -> Stage:
    """Market of more agents in which those of `source` stand at the given rows."""
    target = stage(kind, n_agents, traits=KINDS[kind])
    accounts = target.world.state.ledger.accounts
    strangers = np.uint64(population_key("strangers")) + np.arange(n_agents, dtype="u8")
    accounts["key"][FIRST:] = strangers
    for theirs, ours in zip(arrays(source), arrays(target), strict=True):
        ours[FIRST + np.array(rows)] = theirs[FIRST:]
    return target


def orders(messages: Array, keys: Array) -> dict[int, Any]:
    """Orders by the key of their author, without what depends on the row."""
    plain = messages.copy()
    plain["account"] = plain["slot"] = 0
    return {
        int(keys[account]): plain[messages["account"] == account].tobytes()
        for account in messages["account"]
    }


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(data=st.data())
def test_an_agent_more_changes_nothing_for_the_others(kind: str, data: Any) -> None:
    n = data.draw(st.integers(1, 6))
    more = data.draw(st.integers(1, 4))
    rows = data.draw(st.permutations(range(n + more)))[:n]
    few = stage(kind, n, seed=data.draw(st.integers(1, 1000)), traits=KINDS[kind])
    many = moved(few, kind, rows, n + more)
    many.world.state.clock["seed"] = few.world.state.clock["seed"]
    own = set(few.world.state.ledger.accounts["key"][FIRST:].tolist())
    for step in (1, 2):
        found = []
        for made in (few, many):
            made.world.state.clock["n_inbox"] = 0
            messages = block(made, step, 19_600)
            found.append(orders(messages, made.world.state.ledger.accounts["key"]))
        assert {key: sent for key, sent in found[1].items() if key in own} == found[0]


def test_the_property_is_not_empty() -> None:
    for kind, traits in KINDS.items():
        assert len(block(stage(kind, 8, traits=traits), 1, 19_600)), kind


def test_markets_beside_one_another_do_not_touch() -> None:
    alone = stage("chiarella_iori", 4, traits=KINDS["chiarella_iori"])
    beside = stage("chiarella_iori", 4, traits=KINDS["chiarella_iori"])
    other = stage("chiarella_iori", 4, seed=2, traits=KINDS["chiarella_iori"])
    for step in range(1, 6):
        block(other, step)
        assert np.array_equal(block(alone, step), block(beside, step))
        for made in (alone, beside, other):
            made.close_block(step)
