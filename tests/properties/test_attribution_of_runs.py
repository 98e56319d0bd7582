"""Attribution of whole scenarios, as exact as that of a drawn history."""

import numpy as np
import pytest

from crossmargin import Run, simulate
from crossmargin.model.state import CANCEL_ALL, FORCED, FORCED_ORDER, INSURANCE, PERPETUAL, SEIZURE


def check(run: Run) -> None:
    """Assert that all forced displacements have an author, and that both ledgers add up."""
    state, price, transfer = run.world.state, run.contagion.price, run.contagion.transfer
    log, ledger = state.log, state.ledger
    assert len(price.sources) > 10
    for m, market in enumerate(ledger.markets):
        rows = price.matrix(m)
        gained = log.by_class[:, m, FORCED] + ledger.lots[:, m] * log.shift[m, FORCED]
        assert np.array_equal(rows.sum(axis=0), gained * market["half_unit"])
        if market["kind"] == PERPETUAL:
            assert not rows.sum(axis=1).any()
    events, traces = run.world.rows("events"), run.world.rows("traces")
    shift = np.zeros(len(events), np.int64)
    authored = traces["event"] >= 0
    np.add.at(shift, traces["event"][authored], traces["shift"][authored])
    forced = np.isin(events["kind"], (FORCED_ORDER, CANCEL_ALL, SEIZURE))
    assert np.array_equal(shift[forced], events["shift"][forced])
    received, paid = transfer.rows_of(transfer.sources)
    assert np.array_equal(received.sum(axis=1), paid.sum(axis=1))
    assert paid[:, INSURANCE].sum() == ledger.venue[0]["fund_paid"]


def test_flash_crash() -> None:
    run = simulate("flash-crash", seed=1, steps=300)
    check(run)
    graph = run.contagion.graph("account")
    worst = max(graph, key=lambda row: graph.nodes[row]["caused"])
    assert graph.nodes[worst]["population"] == "whale"


def test_flash_crash_after_a_burn_in() -> None:
    burn_in = {"window": 400.0, "least": 400.0, "most": 400.0, "cache": False}
    run = simulate("flash-crash", seed=1, steps=300, overrides={"initial.burn_in": burn_in})
    assert run.world.origin.block > 0
    check(run)


@pytest.mark.long
def test_august_2024() -> None:
    run = simulate("august-2024", seed=7)
    check(run)
    assert run.contagion.cascade()["generation"].max() > 1
