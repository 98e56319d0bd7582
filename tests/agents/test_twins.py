"""Behaviours that exist in both forms: the market cannot tell them apart."""

from typing import Any

import numpy as np
import pytest

from crossmargin.agents.check import snapshot
from crossmargin.agents.solo_chiarella_iori import SoloChiarellaIori
from crossmargin.agents.solo_leverage_targeter import SoloLeverageTargeter
from crossmargin.agents.stage import FIRST
from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.market import Market
from crossmargin.model.state import CANCEL, LIMIT, REPLACE
from tests.agents.stages import run, sent, stage

BUSY: dict[str, Any] = {"rate": 0.4, "horizon": 6.0, "reversion": 20.0}
RESTLESS: dict[str, Any] = {"interval": 3.0, "band": 0.05}
PAIRS = [
    ("chiarella_iori", SoloChiarellaIori, BUSY),
    ("leverage_targeters", SoloLeverageTargeter, RESTLESS),
]


@pytest.mark.parametrize(("kernel", "solo", "traits"), PAIRS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_inbox_is_equal_bit_for_bit(kernel: str, solo: type, traits: Any, seed: int) -> None:
    one = stage(kernel, 9, seed=seed, traits=traits)
    other = stage(solo, 9, seed=seed, traits=traits)
    messages, same = run(one, 30), run(other, 30)
    for step, (a, b) in enumerate(zip(messages, same, strict=True)):
        assert np.array_equal(a, b), f"block {step}"
    assert len(sent(messages)) > 20


@pytest.mark.parametrize(("kernel", "solo", "traits"), PAIRS)
def test_the_market_ends_up_the_same(kernel: str, solo: type, traits: Any) -> None:
    one, other = stage(kernel, 6, traits=traits), stage(solo, 6, traits=traits)
    one.world.run(40)
    other.world.run(40)
    left = snapshot(one)
    own = ("crowd.memory", "crowd.inbox", "parts", "clock")  # a Solo agent remembers by itself
    for name, array in snapshot(other).items():
        if name not in own:
            assert array.tobytes() == left[name].tobytes(), name
    assert one.world.state.log.cursor["messages"] == other.world.state.log.cursor["messages"]


@pytest.mark.parametrize(("kernel", "solo", "traits"), PAIRS)
def test_isolated_and_troubled_accounts_are_treated_alike(
    kernel: str, solo: type, traits: Any
) -> None:
    def troubled(kind: Any) -> Any:
        made = stage(kind, 8, seed=5, traits=traits)
        ledger = made.world.state.ledger
        ledger.accounts["only_market"][FIRST : FIRST + 4] = (0, 1, 0, 1)
        ledger.balances[FIRST + 4, 0] -= 9_000_000_000
        ledger.assets["burned"][0] += 9_000_000_000
        ledger.markets["halted_until"][0] = 5
        ledger.lots[[FIRST + 6, FIRST + 7], 0] = 0
        ledger.cost[[FIRST + 6, FIRST + 7], 0] = 0
        return made

    assert np.array_equal(sent(run(troubled(kernel), 20)), sent(run(troubled(solo), 20)))


def test_every_action_of_the_first_pair_is_seen() -> None:
    messages = sent(run(stage("chiarella_iori", 9, traits=BUSY), 30))
    assert set(messages["action"]) == {LIMIT, CANCEL, REPLACE}
    assert set(messages["market"]) == {0, 1}


def test_a_whole_market_and_its_branch_cannot_tell_them_apart() -> None:
    table = load_scenario("calm").model_dump(exclude_unset=True)
    kinds = {kernel: f"{solo.__module__}:{solo.__name__}" for kernel, solo, _ in PAIRS}
    table["population"] = [p | {"count": min(p["count"], 60)} for p in table["population"]]
    one = Market(table, seed=3)
    table["population"] = [
        p | {"kind": kinds.get(p["kind"], p["kind"])} for p in table["population"]
    ]
    other = Market(table, seed=3)
    one.run_for(30)
    other.run_for(15)
    branch = other.branch()
    for market in (other, branch):
        market.run_for(15)
        assert np.array_equal(market.world.rows("market_rows"), one.world.rows("market_rows"))
        for group in ("book", "ledger"):
            left, right = getattr(market.world.state, group), getattr(one.world.state, group)
            for name, a, b in zip(left._fields, left, right, strict=True):
                assert a.tobytes() == b.tobytes(), name
    assert len(other.solo) > 60
    assert {type(t) for t in branch.solo} == {SoloChiarellaIori, SoloLeverageTargeter}
