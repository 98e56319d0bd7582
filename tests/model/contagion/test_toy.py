"""Five liquidations whose ledger is known by hand, through the ledger alone and through the book.

Six accounts are long, a pool is short, and each contract sold lowers the price by 0.02 for good.
An exogenous fall of 4 starts it. Numbers: the reference cases of the project's attribution scheme
(accounts 0 to 5, short pool, market maker; a loss is negative), for no refill and for a market
maker who refills a quarter of each displacement (gross accounting: the refill is its own).
"""

import numpy as np
import pytest

from crossmargin.model.contagion.price_ledger import PriceLedger
from crossmargin.model.log import CHANGED
from crossmargin.model.state import CANCEL, EXOGENOUS, TRACE, State
from tests.model.contagion.forced import end_block, force, forced_column, world_of
from tests.small import PERP, first_row, give, open_pair, send, small_state

LONGS = [50, 30, 40, 60, 20, 80]
POOL, MAKER = 6, 7
KAPPA = 0.02
EDGES = np.array(
    [
        [-25, -30, -40, -60, -20, -80, 280, -25],
        [0, -9, -24, -36, -12, -48, 168, -39],
        [0, 0, -16, -48, -16, -64, 224, -80],
        [0, 0, 0, -36, -24, -96, 336, -180],
        [0, 0, 0, 0, -4, -32, 112, -76],
    ]
)
CAUSED = [255, 129, 144, 156, 36]  # what each cost the longs, itself included; 720 in all
EXOGENOUS_LOSS = [-200, -120, -160, -240, -80, -320, 1120, 0]


def sold(account: int, lots: int) -> list[tuple[int, ...]]:
    """Trace of a sale contract by contract; the price falls by half before and half after each."""
    moved = [(account, 0, 0, -1, -1, 0, 0, -1)]
    for contract in range(lots):
        shift = -1 if contract == lots - 1 else -2
        moved.append((account, 0, 0, MAKER, account, -1, 0, shift))
    return moved


@pytest.mark.parametrize("n_liquidated", [5, 3])  # 3: what is left of the cascade with a refill
def test_ledger_of_the_continuous_toy(n_liquidated: int) -> None:
    rows = [(CHANGED, 0, 0, h, -1, q, 0, 0) for h, q in enumerate([*LONGS, -sum(LONGS)])]
    for account in range(n_liquidated):
        rows += sold(account, LONGS[account])
    traces = np.array(rows, TRACE)
    authors = np.where(traces["event"] >= 0, traces["event"], -1)
    ledger = PriceLedger(traces, authors, np.array([1]), 8)
    found = ledger.matrix() * (KAPPA / 2)
    assert ledger.sources.tolist() == list(range(n_liquidated))
    np.testing.assert_allclose(found, EDGES[:n_liquidated], rtol=0, atol=1e-12)
    np.testing.assert_allclose(-found[:, :6].sum(axis=1), CAUSED[:n_liquidated])
    assert not ledger.matrix().sum(axis=1).any()


def toy_book() -> tuple[State, int]:
    """The toy on a real book: one bid of one lot on every tick; a tick is 2 kappa."""
    state = small_state(8, (PERP,))
    first = first_row(state)
    for row in range(first, first + 8):
        give(state, row, 1e6)
    for account, lots in enumerate(LONGS):
        open_pair(state, first + account, first + POOL, lots)
    send(state, first + MAKER, -1, 11_000, 1)
    for tick in range(9_000, 10_001):
        send(state, first + MAKER, 1, tick, 1)
    return state, first


def shock(state: State, first: int, ticks: int) -> None:
    """Take the best bids away, an exogenous fall of the mid."""
    resting = np.flatnonzero(state.book.orders["side"] == 0)
    best = resting[np.argsort(-state.book.orders["price"][resting])][:ticks]
    for slot in best.tolist():
        handle = int(state.book.orders["id"][slot] * (1 << 24) + slot)
        how = {"action": CANCEL, "order": handle, "author_class": EXOGENOUS}
        send(state, first + MAKER, 1, 0, 0, **how)


def test_toy_through_the_book() -> None:
    state, first = toy_book()
    shock(state, first, 200)
    order = -1
    for account in range(5):
        order = force(state, first + account, -1, 9_000, LONGS[account], parent=order)
    end_block(state)
    unit = state.ledger.markets["half_unit"][0]
    found = PriceLedger.of(world_of(state)).matrix()[:, first:] // unit
    # The book moves after each lot, the toy along it: half a lot of the own leg is the maker's.
    expected = np.round(EDGES / KAPPA).astype(int)
    for account, lots in enumerate(LONGS[:5]):
        expected[account, account] += lots // 2
        expected[account, MAKER] -= lots // 2
    assert np.array_equal(found, expected)
    assert np.array_equal(found.sum(axis=0) * unit, forced_column(state, 0)[first:])
    exogenous = state.log.by_class[first:, 0, EXOGENOUS]
    exogenous = exogenous + state.ledger.lots[first:, 0] * state.log.shift[0, EXOGENOUS]
    assert np.array_equal(exogenous, np.round(np.array(EXOGENOUS_LOSS) / KAPPA).astype(int))


def test_event_shift_is_the_sum_of_its_fills() -> None:
    state, first = toy_book()
    force(state, first, -1, 9_000, 50)
    force(state, first + POOL, 1, 11_000, 1)
    end_block(state)
    world = world_of(state)
    traces, events = world.rows("traces"), world.rows("events")
    for event in events:
        assert traces["shift"][traces["event"] == event["id"]].sum() == event["shift"]
    assert events["shift"].tolist() == [-50, 0]  # the last ask gone, the mid stands where it was
