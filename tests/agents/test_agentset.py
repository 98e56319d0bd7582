"""The array-backed agent set does what Mesa's own would do, without making the agents."""

import warnings
from typing import Any

import mesa
import numpy as np
import pytest
from mesa.agentset import AgentSet

from crossmargin.agents.agentset import Rows
from crossmargin.agents.columns import COLUMNS, column
from crossmargin.agents.stage import FIRST, MAKERS, Stage
from crossmargin.agents.trader import Trader
from crossmargin.model.errors import ParameterError, StateError


class Quiet(Trader):
    def begin(self) -> None:
        self.mood = self.row % 3
        self.calls = 0

    def decide(self, market: Any) -> Any:
        return []

    def wake(self, times: int) -> int:
        self.calls += times
        return self.calls


@pytest.fixture
def market() -> Stage:
    made = Stage(Quiet, 12)
    made.world.run(2)
    return made


@pytest.fixture
def agents(market: Stage) -> Rows:
    return market.agents


def plain(agents: Rows) -> AgentSet:
    """Mesa's own set of the same agents; kept alive by the list."""
    views = agents.to_list()
    made = AgentSet(views, random=agents.random)
    made.views = views
    return made


def rows(agents: Any) -> list[int]:
    return [agent.row for agent in agents]


def test_it_holds_every_row_of_a_population(agents: Rows) -> None:
    assert len(agents) == 14
    assert rows(agents) == [MAKERS, MAKERS + 1, *range(FIRST, FIRST + 12)]
    assert all(agent in agents for agent in agents)
    assert agents.model.trader(0) not in agents
    assert "x" not in agents
    assert agents[0].row == MAKERS
    assert rows(agents[1:3]) == [MAKERS + 1, FIRST]


@pytest.mark.parametrize("name", [*COLUMNS, "position:BTC-PERP", "balance:BTC"])
def test_columns_are_the_attributes_of_the_views(agents: Rows, name: str) -> None:
    values = agents.get(name)
    assert isinstance(values, np.ndarray)
    kind, _, which = name.partition(":")
    for agent, value in zip(agents, values, strict=True):
        if kind == "position":
            assert agent.position(which) == value
        elif kind == "balance":
            assert agent.balances[which] == value
        else:
            assert getattr(agent, name) == value


def test_aggregates_equal_mesas(agents: Rows) -> None:
    own = plain(agents)
    assert agents.agg("equity", np.sum) == own.agg("equity", np.sum)
    assert agents.agg("leverage", [min, max]) == own.agg("leverage", [min, max])
    assert agents.get(["row", "state"]) == own.get(["row", "state"])
    assert agents.select(lambda a: a.row >= FIRST).get("mood") == [r % 3 for r in range(9, 21)]
    assert agents.get("mood", "default", -1)[:2] == [-1, -1]
    with pytest.raises(AttributeError):
        agents.get("mood")
    with pytest.raises(ValueError, match="handle_missing"):
        agents.get("mood", "ignore")
    with pytest.raises(ParameterError, match="there is no market 'BTC'"):
        agents.get("position:BTC")
    with pytest.raises(ParameterError, match="there is no column"):
        column(agents.model.world, "wealth", agents.rows)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"filter_func": lambda a: a.position("BTC-PERP") > 0},
        {"at_most": 5},
        {"at_most": 0.5},
        {"at_most": 2, "filter_func": lambda a: a.index % 2 == 1},
        {"agent_type": Quiet},
        {"agent_type": Quiet, "at_most": 3},
    ],
)
def test_select_equals_mesas(agents: Rows, how: dict[str, Any]) -> None:
    own = plain(agents)
    assert rows(agents.select(**how)) == rows(own.select(**how))
    assert len(agents) == 14
    agents.select(**how, inplace=True)
    assert rows(agents) == rows(own.select(**how))


def test_select_takes_a_mask(agents: Rows) -> None:
    long = agents.get("position:BTC-PERP") > 0
    assert rows(agents.select(long)) == [a.row for a in agents if a.position("BTC-PERP") > 0]
    assert len(agents.select(long, at_most=2)) == 2


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("key", ["notional", "index", lambda a: a.row % 4])
def test_sort_equals_mesas(agents: Rows, key: Any, ascending: bool) -> None:
    assert rows(agents.sort(key, ascending)) == rows(plain(agents).sort(key, ascending))


@pytest.mark.parametrize("by", ["population", lambda a: a.row % 3])
def test_groups_equal_mesas(agents: Rows, by: Any) -> None:
    views = plain(agents)
    ours, own = agents.groupby(by), views.groupby(by)
    assert {k: rows(g) for k, g in ours} == {k: rows(g) for k, g in own}
    assert ours.count() == own.count()
    assert ours.agg("equity", sum) == own.agg("equity", sum)
    assert {k: rows(g) for k, g in agents.groupby(by, "list")} == {k: rows(g) for k, g in own}


def test_calls_reach_the_agents(agents: Rows) -> None:
    quiet = agents.select(agent_type=Quiet)
    assert quiet.do("wake", 2) is quiet
    assert quiet.map("wake", 1) == [3] * 12
    assert quiet.map(lambda a, n: a.row + n, 1) == [r + 1 for r in rows(quiet)]
    quiet.shuffle_do("wake", 1)
    assert {a.calls for a in quiet} == {4}


def test_shuffling_draws_from_the_model(agents: Rows) -> None:
    order = rows(agents.shuffle())
    assert sorted(order) == rows(agents)
    assert order != rows(agents)
    agents.shuffle(inplace=True)
    assert sorted(rows(agents)) == sorted(order)


def test_the_rows_are_fixed(agents: Rows) -> None:
    view = agents[0]
    for call in (agents.add, agents.discard, agents.remove):
        with pytest.raises(StateError, match="fixed"):
            call(view)
    with pytest.raises(StateError, match=r"market\.solo"):
        agents.set("mood", 1)


def test_sets_combine(agents: Rows) -> None:
    some, others = agents.select(at_most=5), agents.select(lambda a: a.row % 2 == 0)
    assert set(rows(some & others)) == set(rows(some)) & set(rows(others))
    assert set(rows(some | others)) == set(rows(some)) | set(rows(others))
    assert isinstance(some - others, Rows)
    assert rows(some.copy()) == rows(some)


def test_mesas_data_collector_reads_it(market: Stage) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collector = mesa.DataCollector(
            model_reporters={"total": lambda m: float(m.agents.agg("equity", np.sum))},
            agent_reporters={"equity": "equity"},
        )
        collector.collect(market)
    frame = collector.get_agent_vars_dataframe()
    assert len(frame) == 14
    total = collector.get_model_vars_dataframe()["total"].iloc[0]
    assert frame["equity"].sum() == pytest.approx(total)
