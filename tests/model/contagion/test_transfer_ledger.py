"""Entries of the transfer ledger: who paid whom by whose liquidation, once each."""

from crossmargin.model.contagion.face import Contagion
from crossmargin.model.contagion.transfer_ledger import TransferLedger
from crossmargin.model.state import (
    ADL,
    BACKSTOP,
    BACKSTOP_HANDOVER,
    BAD_DEBT,
    FEES,
    FUND_PAYMENT,
    INSURANCE,
    PENALTY,
    ROUNDING,
    SOCIALISED,
    State,
)
from tests.model.contagion.forced import event, liquidation, world_of
from tests.small import PERP, first_row, small_state

A, B, WINNER = 0, 1, 2  # accounts: two that are liquidated, one in profit
HANDED, DEBT = 700, 1_000


def waterfall() -> tuple[State, int]:
    """One account through the whole waterfall, quote units; another pays a penalty."""
    state = small_state(4, (PERP,))
    first = first_row(state)
    a, winner = first + A, first + WINNER
    event(state, PENALTY, a, other=FEES, amount=30)
    event(state, PENALTY, a, other=INSURANCE, amount=20)
    handed = event(state, BACKSTOP_HANDOVER, a, other=BACKSTOP, quantity=-10, amount=90_000)
    liquidation(state, handed, a, kind=BACKSTOP_HANDOVER, quantity=10, slippage=HANDED)
    event(state, BAD_DEBT, a, amount=DEBT)
    event(state, FUND_PAYMENT, a, other=INSURANCE, amount=600)
    closed = event(state, ADL, a, other=winner, quantity=-5)
    liquidation(state, closed, a, kind=ADL, quantity=5, slippage=-250)
    event(state, SOCIALISED, a, other=winner, amount=150)
    event(state, PENALTY, first + B, other=INSURANCE, amount=5)
    return state, first


def test_every_source_sums_to_zero_and_no_loss_counts_twice() -> None:
    state, first = waterfall()
    ledger = TransferLedger.of(world_of(state))
    assert ledger.sources.tolist() == [first + A, first + B]
    received, paid = ledger.rows_of(ledger.sources)
    rows = received - paid
    assert rows.sum(axis=1).tolist() == [0, 0]
    of_a = {place: int(rows[0, place]) for place in rows[0].nonzero()[0].tolist()}
    covered = 600 + 250 + 150  # of the debt, by the fund, a counterparty and the winner
    assert of_a == {
        FEES: 30,
        INSURANCE: 20 - 600,
        BACKSTOP: HANDED,
        first + WINNER: -250 - 150,
        first + A: -30 - 20 - HANDED + covered,
    }
    assert rows[1, INSURANCE] == -rows[1, first + B] == 5


def test_graph_shows_transfers_between_accounts_and_system_nodes() -> None:
    state, first = waterfall()
    contagion = Contagion(world_of(state))
    graph = contagion.graph()
    a, winner = first + A, first + WINNER
    assert set(graph.edges) == {(a, "insurance"), (a, winner)}
    assert graph.edges[a, winner]["channel"] == "transfer"
    assert round(graph.edges[a, winner]["loss"] * 1e6) == 400
    assert round(graph.edges[a, "insurance"]["transfer"] * 1e6) == 600
    assert round(graph.edges[a, "insurance"]["gain"] * 1e6) == 20
    assert graph.nodes["insurance"]["kind"] == "system"
    assert graph.graph["unit"] == "USD"
    gains = contagion.graph(gains=True)
    assert round(gains.edges[a, "backstop"]["gain"] * 1e6) == HANDED
    assert gains.edges[a, "backstop"]["loss"] == 0
    assert round(gains.nodes[first + B]["own"] * 1e6) == 5


def test_table_of_transfers_names_kinds_in_quote() -> None:
    state, first = waterfall()
    table = Contagion(world_of(state)).transfers()
    assert "bad_debt" not in set(table["kind"])
    paid = table[table["kind"] == "insurance"].iloc[0]
    assert (paid["payer"], paid["receiver"], paid["source"]) == (INSURANCE, first + A, first + A)
    assert round(paid["amount"] * 1e6) == 600


def test_a_pooled_loss_is_borne_by_who_paid_into_the_pool() -> None:
    state = small_state(4, (PERP,))
    first = first_row(state)
    paid = {first + WINNER: 100, first + 3: 201}
    for row, amount in paid.items():
        state.ledger.accounts["socialised"][row] = amount
    event(state, SOCIALISED, first + A, other=first + WINNER, amount=1)  # told by itself
    event(state, SOCIALISED, first + A, amount=200)
    event(state, SOCIALISED, first + B, amount=100)
    ledger = TransferLedger.of(world_of(state))
    received, paid = ledger.rows_of(ledger.sources)
    rows = received - paid
    assert rows.sum(axis=1).tolist() == [0, 0]
    assert rows[:, [first + A, first + B]].sum(axis=0).tolist() == [201, 100]
    assert rows[0, first + WINNER] == -1 - 99 * 200 // 300
    assert (rows[:, ROUNDING] <= 0).all()
    assert rows[:, ROUNDING].sum() >= -4  # at most one unit a payer and source
