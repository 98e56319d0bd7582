"""The Mesa face: steps, events, agent sets, data collection, batches, branches."""

import mesa
import numpy as np
import pytest
from mesa.datacollection import DataCollector
from mesa.time import Schedule

import crossmargin as xm
from crossmargin.experiments.run import simulate


@pytest.fixture
def market() -> xm.Market:
    return xm.Market("calm", seed=4)


def balances(market: xm.Market) -> np.ndarray:
    return market.world.state.ledger.balances


def test_steps_and_run_for_go_the_same_way(market: xm.Market) -> None:
    other = xm.Market("calm", seed=4)
    for _ in range(30):
        other.step()
    market.run_for(30)
    assert market.steps == other.steps == 30
    assert market.time == other.time == 30
    np.testing.assert_array_equal(balances(market), balances(other))
    run = simulate("calm", seed=4, steps=30)
    np.testing.assert_array_equal(balances(market), run.world.state.ledger.balances)


class Watched(xm.Market):
    """Market that notes when its events happen."""

    def note(self) -> None:
        self.notes = [*getattr(self, "notes", []), (self.time, self.steps)]


class Plain(mesa.Model):
    """Mesa's own order of steps and events, to compare with."""

    note = Watched.note


def test_events_fall_where_mesa_puts_them() -> None:
    models = [Watched("calm", seed=1), Plain(rng=1)]
    for model in models:
        model.schedule_event(model.note, at=2.5)
        model.schedule_event(model.note, at=3.0)
        model.schedule_recurring(model.note, Schedule(interval=10, start=10))
        model.run_for(35)
        model.step()
        model.run_for(4)
    assert models[0].notes == models[1].notes
    assert (models[0].time, models[0].steps) == (models[1].time, models[1].steps)


def test_a_branch_goes_on_as_its_parent_would(market: xm.Market) -> None:
    market.run_for(20)
    branch = market.branch()
    market.run_for(25)
    kept = balances(market).copy()
    branch.run_for(25)
    np.testing.assert_array_equal(balances(branch), kept)
    branch.run_for(5)
    np.testing.assert_array_equal(balances(market), kept)
    assert (branch.steps, market.steps) == (50, 45)
    assert len(branch.world.rows("system_rows")) == 50
    assert len(market.world.rows("system_rows")) == 45


def test_a_branch_takes_its_events_along() -> None:
    market = Watched("calm", seed=1)
    market.schedule_event(market.note, at=12.0)
    market.schedule_recurring(market.note, Schedule(interval=5, start=5))
    market.run_for(6)
    branch = market.branch()
    branch.run_for(10)
    assert getattr(market, "notes", []) == [(5.0, 5)]
    assert branch.notes == [(10.0, 10), (12.0, 12), (15.0, 15)]


def test_a_branch_refuses_events_that_would_act_on_its_parent(market: xm.Market) -> None:
    def outside() -> None:
        market.run_for(1)

    market.schedule_event(outside, at=3.0)
    with pytest.raises(xm.StateError, match="outside"):
        market.branch()


def test_agents_are_rows(market: xm.Market) -> None:
    n = sum(population.count for population in market.scenario.population)
    assert len(market.agents) == n
    equity = market.agents.get("equity")
    assert market.agents.agg("equity", np.sum) == pytest.approx(np.sum(equity))
    longs = market.agents.select(lambda agent: agent.population == "longs")
    assert len(longs) == 300
    assert all(agent.position("BTC-PERP") >= 0 for agent in longs)


def test_mesas_data_collector_and_batches_work() -> None:
    market = xm.Market("calm", seed=1)
    collector = DataCollector(
        model_reporters={"equity": lambda m: float(m.agents.agg("equity", np.sum))},
        agent_reporters={"equity": "equity"},
    )
    for _ in range(3):
        market.step()
        collector.collect(market)
    assert collector.get_model_vars_dataframe()["equity"].notna().all()
    assert len(collector.get_agent_vars_dataframe()) == 3 * len(market.agents)
    results = mesa.batch_run(
        xm.Market, {"scenario": ["calm"]}, rng=[1, 2], max_steps=3, display_progress=False
    )
    assert len(results) == 2


def test_seed_and_rng_are_one_thing() -> None:
    assert xm.Market("calm", rng=5).seed == 5
    with pytest.raises(xm.ParameterError, match="not both"):
        xm.Market("calm", seed=1, rng=1)


def test_residuals_are_zero(market: xm.Market) -> None:
    market.run_for(10)
    assert set(market.audit().values()) == {0}


def test_something_created_is_noticed(market: xm.Market) -> None:
    market.world.state.ledger.balances[10, 0] += 1
    with pytest.raises(xm.ConservationError, match="USDC"):
        market.audit()
