"""Mesa 3.5's own batch runner and data collector, for those who come with that code."""

import mesa
import numpy as np
import pandas as pd
import pytest
from mesa.datacollection import DataCollector

import crossmargin as xm


class Study(xm.Market):
    """Market with one parameter, as code that is written for Mesa has it."""

    def __init__(self, insurance: float = 1e6, longs: int = 20, rng: int | None = None) -> None:
        changes = {"venue.insurance": insurance, "population.longs.count": longs}
        super().__init__("calm", rng=rng, overrides=changes)
        self.datacollector = DataCollector(
            model_reporters={
                "fund": lambda m: m.world.state.ledger.balances[2, 0] / 1e6,
                "mark": lambda m: int(m.world.state.ledger.markets["mark"][0]),
                "equity": lambda m: float(m.agents.agg("equity", np.sum)),
            },
            agent_reporters={"equity": "equity"},
        )


@pytest.fixture(scope="module")
def batch() -> pd.DataFrame:
    rows = mesa.batch_run(
        Study,
        {"insurance": [1e5, 2e5], "longs": 20},
        rng=[3, 4, 5],
        number_processes=1,
        data_collection_period=1,
        max_steps=4,
        display_progress=False,
    )
    return pd.DataFrame(rows)


def test_every_parameter_meets_every_seed(batch: pd.DataFrame) -> None:
    runs = batch.groupby(["insurance", "rng"])["RunId"].nunique()
    assert runs.to_dict() == {(i, s): 1 for i in (1e5, 2e5) for s in (3, 4, 5)}
    assert sorted(batch["Step"].unique()) == [1, 2, 3, 4]


def test_parameters_and_seeds_reach_the_market(batch: pd.DataFrame) -> None:
    last = batch[batch["Step"] == 4].drop_duplicates("RunId")
    np.testing.assert_allclose(last["fund"], last["insurance"], rtol=0.2)
    assert last.groupby("insurance")["mark"].nunique().min() > 1
    for row in last.itertuples():
        run = xm.simulate(
            "calm",
            seed=row.rng,
            steps=4,
            overrides={"venue.insurance": row.insurance, "population.longs.count": 20},
        )
        assert row.mark == int(run.world.state.ledger.markets["mark"][0])


def test_agents_are_reported(batch: pd.DataFrame) -> None:
    last = batch[batch["Step"] == 4]
    agents = last.groupby("RunId")
    for _, rows in agents:
        assert rows["AgentID"].is_unique
        assert rows["equity"].notna().all()
        assert len(rows) > 20


def test_the_collector_of_a_market_has_a_row_a_step() -> None:
    model = Study(rng=1)
    for _ in range(4):
        model.step()
    frame = model.datacollector.get_model_vars_dataframe()
    assert len(frame) == 4
    assert frame["fund"].notna().all()
    agents = model.datacollector.get_agent_vars_dataframe()
    assert agents.index.get_level_values("Step").unique().tolist() == [1, 2, 3, 4]
    assert len(agents) == 4 * len(model.agents)


@pytest.mark.long
def test_processes_give_the_same() -> None:
    found = [
        mesa.batch_run(
            xm.Market,
            {"scenario": ["calm"], "overrides": [{"venue.insurance": i} for i in (1e5, 2e5)]},
            rng=[1, 2],
            number_processes=processes,
            max_steps=5,
            display_progress=False,
        )
        for processes in (1, 2)
    ]
    plain = [sorted(rows, key=lambda row: row["RunId"]) for rows in found]
    assert [row["mark"] for row in plain[0]] == [row["mark"] for row in plain[1]]
