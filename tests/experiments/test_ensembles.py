"""Ensembles: futures of a scenario and of a branch, reproducible and independent."""

import numpy as np
import pytest

import crossmargin as xm
from crossmargin.experiments.futures import future, member_seed

SMALL = {"run.steps": 30, "population.longs.count": 20}


class Patient(xm.Trader):
    """Trader in Python that notes a draw of its own in every block."""

    def begin(self) -> None:
        self.drawn: list[float] = []

    def decide(self, market):  # type: ignore[no-untyped-def]
        self.drawn.append(float(self.rng.random()))
        return []


PATIENT = {
    "name": "patients",
    "kind": f"{__name__}:Patient",
    "count": 1,
    "markets": ["BTC-PERP"],
    "wealth": 1e4,
}


def marks(run: xm.Run) -> dict[str, float]:
    rows = run.world.rows("market_rows")[:, 0]["mark"]
    return {f"mark_{i}": float(rows[i]) for i in (0, 10, 19, 20, 25, len(rows) - 1)}


def test_members_are_the_runs_of_their_seeds() -> None:
    found = xm.ensemble("calm", 3, seed=5, overrides=SMALL)
    assert found.frame["member"].tolist() == [0, 1, 2]
    for row in found.frame.itertuples():
        run = xm.simulate("calm", seed=int(row.seed), overrides=SMALL)
        assert row.liquidated_notional == run.summary["liquidated_notional"]
        assert row.fills == run.summary["fills"]
        assert row.residual == 0


def test_members_do_not_depend_on_their_number_or_on_threads() -> None:
    few = xm.ensemble("calm", 2, overrides=SMALL)
    many = xm.ensemble("calm", 5, overrides=SMALL, jobs=3)
    assert few.frame.equals(many.frame.head(2))
    assert many.frame["seed"].is_unique
    assert xm.ensemble("calm", 2, seed=1, overrides=SMALL).frame["seed"][0] != few.frame["seed"][0]


def test_futures_share_the_past_and_differ_afterwards() -> None:
    market = xm.Market("calm", seed=2, overrides=SMALL)
    market.run_for(20)
    before = market.world.state.ledger.balances.copy()
    found = xm.ensemble(None, 4, from_branch=market, functions=[marks], outcomes=["fills"])
    for past in ("mark_0", "mark_10", "mark_19"):
        assert found.frame[past].nunique() == 1
    assert found.frame["mark_29"].nunique() > 1
    assert (found.first, found.last, len(found)) == (20, 30, 4)
    np.testing.assert_array_equal(market.world.state.ledger.balances, before)
    assert market.steps == market.world.step == 20


def test_a_future_with_the_seed_of_its_parent_is_the_parents() -> None:
    market = xm.Market("calm", seed=2, overrides=SMALL)
    market.run_for(12)
    same, other = future(market, 2), future(market, 3)
    for each in (market, same, other):
        each.run_for(15)
    own = market.world.state.ledger.balances
    np.testing.assert_array_equal(same.world.state.ledger.balances, own)
    assert (other.world.state.ledger.balances != own).any()
    assert set(other.audit().values()) == {0}


def test_a_market_and_its_world_have_the_same_futures() -> None:
    market = xm.Market("calm", seed=2, overrides=SMALL)
    market.run_for(10)
    names = ["fills", "liquidated_notional", "markets.BTC-PERP.last"]
    found = [
        xm.ensemble(market.scenario, 3, from_branch=parent, outcomes=names, jobs=2).frame
        for parent in (market, market.world)
    ]
    assert found[0].equals(found[1])


def test_draws_after_a_branch_are_independent_over_members() -> None:
    market = xm.Market("calm", seed=2, overrides=SMALL)
    market.run_for(2)

    def moves(run: xm.Run) -> dict[str, float]:
        reference = run.world.rows("market_rows")[:, 0]["reference"]
        return {"before": reference[1], "first": np.log(reference[2] / reference[1])}

    frame = xm.ensemble(None, 60, from_branch=market, steps=10, functions=[moves]).frame
    assert (frame["before"].nunique(), frame["first"].nunique()) == (1, 60)
    r = np.corrcoef(frame["first"][:-1], frame["first"][1:])[0, 1]
    assert abs(r) < 4 / np.sqrt(59)


def test_traders_in_python_draw_anew_and_keep_their_memory() -> None:
    table = xm.load_scenario("calm", SMALL).model_dump(mode="json", exclude_none=True)
    table["population"].append(PATIENT)
    market = xm.Market(table, seed=1)
    market.run_for(4)

    children = [future(market, seed) for seed in (1, 7, 8)]
    for child in children:
        child.run_for(3)
    drawn = [next(iter(child.solo)).drawn for child in children]
    assert all(len(one) == 7 for one in drawn)
    assert drawn[0][:4] == drawn[1][:4] == drawn[2][:4]
    assert len({tuple(one[4:]) for one in drawn}) == 3
    with pytest.raises(xm.ParameterError, match="branch its Market"):
        future(market.world, 3)
    assert len(xm.ensemble(None, 2, from_branch=market, steps=6)) == 2
    assert len(xm.ensemble(table, 2, steps=3)) == 2


def test_numbers_of_an_ensemble() -> None:
    found = xm.ensemble("calm", 8, overrides=SMALL, outcomes=["fills", "bad_debt"], jobs=2)
    fills = found.frame["fills"]
    mean = found.mean("fills")
    assert mean.value == pytest.approx(fills.mean())
    assert mean.low < mean.value < mean.high
    above = found.exceedance("fills", float(fills.median()))
    assert above.low < above.value == (fills > fills.median()).mean() < above.high
    assert found.quantile("fills", 0.5).value == pytest.approx(fills.median())
    with pytest.raises(xm.ParameterError, match="it takes"):
        found.quantile("fills", 0.99)
    table = found.summary()
    assert table.index.tolist() == ["fills", "bad_debt"]
    assert table.loc["fills", "most"] == fills.max()
    assert "calm: 8 futures, blocks 0 to 30" in found._repr_html_()


def test_an_ensemble_shows_itself_in_few_words() -> None:
    found = xm.ensemble("calm", 2, steps=3)
    assert repr(found) == f"<Ensemble calm: 2 futures, blocks 0 to 3, {len(found.names)} outcomes>"
    cell = found._repr_html_()
    assert cell.count("<tr") < 20
    assert f"and {len(found.names) - 12} more outcomes" in cell


def test_seeds_of_members_are_stable() -> None:
    seeds = [member_seed(0, member) for member in range(1000)]
    assert len(set(seeds)) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n": 0}, "n = 0"),
        ({"jobs": 0}, "jobs = 0"),
        ({"seed": -1}, "seed = -1"),
        ({"scenario": None}, "give a scenario"),
        ({"outcomes": ["bad_dept"]}, "did you mean 'bad_debt'"),
        ({"functions": [lambda run: {"fills": 1.0}]}, "'fills' is a name of the summary"),
        ({"overrides": {"venue.insurence": 1}}, "did you mean 'insurance'"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, object], words: str) -> None:
    known = {"scenario": "calm", "n": 2, "steps": 5} | arguments
    with pytest.raises(xm.ParameterError, match=words):
        xm.ensemble(known.pop("scenario"), known.pop("n"), **known)  # type: ignore[arg-type]


def test_a_branch_that_cannot_be_used_is_refused() -> None:
    market = xm.Market("calm", seed=2, overrides=SMALL)
    market.run_for(10)
    for changes, words in (
        ({"steps": 10}, "block 10 already"),
        ({"overrides": {"venue.insurance": 0}}, "overrides"),
        ({"scenario": "flash-crash"}, "is not that of from_branch"),
    ):
        arguments = {"scenario": None} | changes
        with pytest.raises(xm.ParameterError, match=words):
            xm.ensemble(arguments.pop("scenario"), 2, from_branch=market, **arguments)
    with pytest.raises(xm.ParameterError, match="from_branch = 3: is no Market and no World"):
        xm.ensemble(None, 2, from_branch=3)  # type: ignore[arg-type]
    with pytest.raises(xm.ParameterError, match="seed = -3"):
        future(market, -3)


def test_an_unknown_outcome_of_an_ensemble_is_refused() -> None:
    found = xm.ensemble("calm", 2, steps=3, outcomes=["fills"])
    with pytest.raises(xm.ParameterError, match="did you mean 'fills'"):
        found.mean("fils")
