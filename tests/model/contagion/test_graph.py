"""The contagion graph: netting within an owner, groups, folding, what nodes and tables say."""

import pytest

from crossmargin.model.contagion import graph as graph_module
from crossmargin.model.contagion.face import Contagion
from crossmargin.model.errors import ParameterError
from crossmargin.model.state import State
from crossmargin.model.world import Names
from tests.model.contagion.forced import end_block, force, world_of
from tests.small import HALF_UNIT, ONE, PERP, first_row, give, open_pair, send, small_state

SOLD, HEDGED, LONG, SHORT, MAKER, SMALL = range(6)


def forced_sale() -> tuple[State, int]:
    """SOLD (40 lots) is forced out lot by lot; the bid falls a tick a lot, the mid half of it."""
    state = small_state(6, (PERP,))
    first = first_row(state)
    for row in range(first, first + 6):
        give(state, row, 1e6)
    for long, short, lots in ((SOLD, SHORT, 40), (LONG, SHORT, 100), (LONG, HEDGED, 60)):
        open_pair(state, first + long, first + short, lots)
    open_pair(state, first + SMALL, first + SHORT, 2)
    send(state, first + MAKER, -1, 10_001, 1)
    for tick in range(9_900, 10_001):
        send(state, first + MAKER, 1, tick, 1)
    force(state, first + SOLD, -1, 9_900, 40)
    end_block(state)
    return state, first


def quote(half_tick_lots: int) -> float:
    return half_tick_lots * HALF_UNIT / ONE


def test_losses_by_account() -> None:
    state, first = forced_sale()
    graph = Contagion(world_of(state)).graph()
    source = first + SOLD
    bought = sum(range(1, 41))  # the maker holds one lot more after each fill
    losses = {first + LONG: 160 * 40, first + MAKER: bought, first + SMALL: 2 * 40}
    assert {t: d["loss"] for _, t, d in graph.edges(data=True)} == {
        target: pytest.approx(quote(loss)) for target, loss in losses.items()
    }
    node = graph.nodes[source]
    assert node["caused"] == pytest.approx(quote(sum(losses.values())))
    assert node["own"] == pytest.approx(quote(sum(range(40))))
    assert node["liquidations"] == 1
    assert (node["kind"], node["population"], node["label"]) == ("account", "small", "small 0")
    gained = graph.nodes[first + SHORT]["gained"] + graph.nodes[first + HEDGED]["gained"]
    assert gained == pytest.approx(quote((142 + 60) * 40))
    assert {d["channel"] for _, _, d in graph.edges(data=True)} == {"price"}


def test_a_hedge_in_another_account_of_the_owner_is_no_loss() -> None:
    state, first = forced_sale()
    state.ledger.accounts["owner"][first + HEDGED] = state.ledger.accounts["owner"][first + LONG]
    owner = int(state.ledger.accounts["owner"][first + LONG])
    contagion = Contagion(world_of(state))
    graph = contagion.graph("owner")
    source = int(state.ledger.accounts["owner"][first + SOLD])
    assert graph.edges[source, owner]["loss"] == pytest.approx(quote((160 - 60) * 40))
    assert graph.nodes[owner]["kind"] == "owner"
    assert graph.nodes[owner]["label"] == f"owner {owner}"
    by_account = contagion.graph("account").edges[first + SOLD, first + LONG]["loss"]
    assert by_account == pytest.approx(quote(160 * 40))


def test_what_an_owner_does_to_her_other_account_is_her_own_loss() -> None:
    state, first = forced_sale()
    state.ledger.accounts["owner"][first + LONG] = state.ledger.accounts["owner"][first + SOLD]
    owner = int(state.ledger.accounts["owner"][first + SOLD])
    node = Contagion(world_of(state)).graph("owner").nodes[owner]
    assert node["own"] == pytest.approx(quote(sum(range(40)) + 160 * 40))


def test_populations_lose_gross() -> None:
    state, first = forced_sale()
    state.ledger.accounts["population"][first + MAKER] = 1
    world = world_of(state)
    world.names = Names(world.names.assets, world.names.markets, [], ["traders", "makers"])
    graph = Contagion(world).graph("population")
    assert set(graph.edges) == {("traders", "traders"), ("traders", "makers")}
    inside = graph.edges["traders", "traders"]
    assert inside["loss"] == pytest.approx(quote(162 * 40))
    assert inside["gain"] == pytest.approx(quote((142 + 60) * 40))
    assert graph.nodes["makers"]["kind"] == "population"


def test_top_folds_the_rest_and_keeps_the_sum() -> None:
    state, first = forced_sale()
    contagion = Contagion(world_of(state))
    whole, part = contagion.graph(), contagion.graph(top=2)
    assert set(part.edges) == {(first + SOLD, first + LONG), (first + SOLD, "others")}
    assert part.size(weight="loss") == pytest.approx(whole.size(weight="loss"))
    assert part.nodes["others"]["kind"] == "others"
    assert part.graph["folded"] == 4
    assert whole.graph["folded"] == 0


def test_a_graph_too_large_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    state, first = forced_sale()
    contagion = Contagion(world_of(state))
    monkeypatch.setattr(graph_module, "MOST_PAIRS", 3)  # one source times three holders
    graph = contagion.graph()
    assert set(graph.nodes) == {first + SOLD, first + LONG, first + MAKER, "others"}


def test_unknown_level_is_named() -> None:
    state, _ = forced_sale()
    with pytest.raises(ParameterError, match="population"):
        Contagion(world_of(state)).graph("venue")


def test_tables_name_who_spread_and_who_lost() -> None:
    state, first = forced_sale()
    contagion = Contagion(world_of(state))
    spread, lost = contagion.spreaders(), contagion.losers(2)
    assert spread["account"].tolist() == [first + SOLD]
    assert spread["hit"].tolist() == [3]
    assert lost["account"].tolist() == [first + LONG, first + MAKER]
    assert lost["worst"].tolist() == ["small 0", "small 0"]
    assert lost["suffered"].iloc[0] == pytest.approx(quote(160 * 40))
    assert (lost["price"] + lost["transfer"]).tolist() == lost["suffered"].tolist()


def test_sums_do_not_depend_on_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    state, first = forced_sale()
    send(state, first + MAKER, -1, 10_004, 1)
    force(state, first + SHORT, 1, 10_001, 1)
    force(state, first + LONG, -1, 9_900, 20)
    end_block(state)
    world = world_of(state)
    whole = Contagion(world)
    table, edges = whole.losers(), dict(whole.graph().edges)
    monkeypatch.setattr("crossmargin.model.contagion.flows.BATCH_CELLS", 1)
    assert len(whole.price.sources) == 3
    again = Contagion(world)
    assert dict(again.graph().edges) == edges
    assert again.losers().equals(table)
