"""What a figure shows equals the frames that it was made from."""

import networkx as nx
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.dashboards.figures import (
    cascade,
    classes,
    depth,
    health,
    insurance,
    network,
    price,
    style,
    tables,
    waterfall,
)
from crossmargin.model.contagion import trigger
from crossmargin.model.record import HEALTH_EDGES
from crossmargin.model.state import EVENT, LIQUIDATION
from tests.dashboards.synthetic import MARKETS, SyntheticRun


def trace(figure: go.Figure, name: str) -> go.Scatter:
    return next(t for t in figure.data if str(t.name).startswith(name))


def points(figure: go.Figure) -> int:
    return max(len(t.x) for t in figure.data if t.x is not None)


@pytest.mark.parametrize("market", MARKETS)
def test_price_ends_and_falls_as_the_series(crash: SyntheticRun, market: str) -> None:
    rows = crash.series[crash.series["market"] == market]
    mid = trace(price.price_figure(crash.series, crash.liquidations, market), "mid")
    assert mid.y[-1] == rows["mid"].iloc[-1]
    assert min(mid.y) == rows["mid"].min()
    assert mid.x[-1] == pytest.approx(rows["seconds"].max() / 3600)


def test_every_step_with_liquidations_has_a_marker(crash: SyntheticRun) -> None:
    own = crash.liquidations[crash.liquidations["market"] == MARKETS[0]]
    markers = trace(
        price.price_figure(crash.series, crash.liquidations, MARKETS[0]), "liquidations"
    )
    assert len(markers.x) == own["step"].nunique()
    grouped = price.grouped_liquidations(own, crash.series[crash.series["market"] == MARKETS[0]])
    assert grouped["notional"].sum() == pytest.approx(own["notional"].sum())


def test_marker_areas_are_in_proportion() -> None:
    sizes = price.marker_sizes(pd.Series([1.0, 4.0])) - 4
    assert sizes[1] / sizes[0] == pytest.approx(2)


def test_open_interest_is_shown_at_the_mark(crash: SyntheticRun) -> None:
    last = crash.series[crash.series["market"] == MARKETS[1]].iloc[-1]
    own = [t for t in depth.depth_figure(crash.series).data if t.name == MARKETS[1]]
    assert own[0].y[-1] == pytest.approx(last["open_interest"] * last["mark"])
    assert own[1].y[-1] == pytest.approx((last["depth_bid"] + last["depth_ask"]) * last["mark"])


def test_health_has_a_row_a_bin_and_shows_real_moments(crash: SyntheticRun) -> None:
    heat = health.health_figure(crash.system).data[0]
    columns = list(health.COLUMNS)
    assert len(heat.y) == len(HEALTH_EDGES) + 1 == len(set(heat.y))
    assert len(heat.x) <= health.MOMENTS
    whole = {tuple(row) for row in crash.system[columns].to_numpy()}
    assert {tuple(column) for column in np.asarray(heat.customdata).T.astype(int)} <= whole


def test_health_keeps_the_worst_moment() -> None:
    system = pd.DataFrame(0, index=range(5000), columns=["seconds", *health.COLUMNS])
    system["seconds"] = range(5000)
    system.loc[2345, "health_0"] = 3
    assert health.moments(system)["health_0"].max() == 3


def test_fund_ends_at_the_summary(crash: SyntheticRun) -> None:
    fund = trace(insurance.insurance_figure(crash.system), "insurance")
    assert fund.y[0] == crash.system["insurance"].iloc[0]
    assert fund.y[-1] == crash.summary["insurance_end"]


def test_cascade_ends_at_the_summary(crash: SyntheticRun) -> None:
    figure = cascade.cascade_figure(crash.liquidations, crash.events)
    notional = crash.summary["liquidated_notional"]
    assert trace(figure, "running total").y[-1] == pytest.approx(notional)
    assert sum(sum(t.y) for t in figure.data if t.type == "bar") == pytest.approx(notional)


def test_generations_count_accounts_not_events() -> None:
    events = pd.DataFrame(
        [(0, -1, 7), (1, 0, 7), (2, 1, 8), (3, 2, 8), (4, 2, 9), (5, -1, 9)],
        columns=["id", "parent", "account"],
    )
    assert cascade.generations(events) == {0: 1, 1: 1, 2: 2, 3: 2, 4: 3, 5: 1}


def test_cascade_numbers_add_up(crash: SyntheticRun) -> None:
    rows = cascade.by_generation(crash.liquidations, crash.events)
    numbers = cascade.cascade_numbers(rows)
    assert numbers["share"].sum() == pytest.approx(1)
    assert numbers["liquidations"].sum() == len(crash.liquidations)


def test_waterfall_meets_the_bad_debt(crash: SyntheticRun) -> None:
    rows = waterfall.layers(crash.liquidations, crash.events, crash.accounts, crash.summary)
    amounts = {r.bearer: r.amount for r in rows}
    met = amounts["insurance fund"] + amounts["all users (shared loss)"]
    assert met + amounts["nobody (unpaid)"] == pytest.approx(crash.summary["bad_debt"])
    own = crash.liquidations.set_index("kind")["slippage"]
    assert amounts["winners (auto-deleveraging)"] == pytest.approx(-own["adl"].sum())
    assert amounts["the liquidated (worse prices)"] == pytest.approx(own["forced_order"].sum())
    assert amounts["the liquidated (penalties)"] == crash.liquidations["penalty"].sum()
    assert list(waterfall.waterfall_figure(rows).data[0].x) == [r.amount for r in rows]


def test_class_bars_add_up_to_the_ledger(crash: SyntheticRun) -> None:
    drawn = sum(sum(t.x) for t in classes.class_figure(crash.accounts).data)
    columns = [c for c in crash.accounts.columns if c.startswith("pnl:")]
    assert drawn == pytest.approx(crash.accounts[columns].to_numpy().sum())


def test_network_shows_the_largest_edges_and_says_how_much() -> None:
    graph = nx.DiGraph()
    for i in range(60):
        loss = float(i + 1)
        graph.add_edge(0, i + 1, loss=loss, price=loss, transfer=0.0, channel="price")
    nx.set_node_attributes(graph, "account", "kind")
    nx.set_node_attributes(graph, {n: f"trader {n}" for n in graph}, "label")
    nx.set_node_attributes(graph, 1.0, "caused")
    nx.set_node_attributes(graph, 1.0, "suffered")
    drawing = network.on_circle(graph, edges=10)
    assert drawing.graph.number_of_edges() == 10
    assert min(d for _, _, d in drawing.graph.edges(data="loss")) == 51
    assert drawing.shown == pytest.approx(sum(range(51, 61)) / sum(range(1, 61)))


def test_places_are_distinct_and_repeat(crash: SyntheticRun) -> None:
    for make in (network.on_circle, network.in_columns):
        graph = crash.contagion.graph("account" if make is network.in_columns else "population")
        places = [tuple(p) for p in make(graph).places.values()]
        assert len(set(places)) == len(places) > 3
        assert places == [tuple(p) for p in make(graph).places.values()]


def test_no_two_labels_of_accounts_share_a_line(crash: SyntheticRun) -> None:
    figure = network.account_network(network.in_columns(crash.contagion.graph("account")))
    for anchor in ("right", "left"):
        heights = sorted(a.y for a in figure.layout.annotations if a.xanchor == anchor)
        pixels = np.diff(heights) / 2.45 * (figure.layout.height - 120)
        assert (pixels > 24).all()


def test_an_edge_from_a_node_to_itself_is_a_loop_outside() -> None:
    xs, ys = network.curve(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    assert (xs[0], ys[0]) == pytest.approx((1.0, 0.0))
    assert xs.max() > 1.2
    assert xs.min() == pytest.approx(1.0)


def test_losers_lost_what_their_equity_fell_by(crash: SyntheticRun) -> None:
    table = tables.losers(crash.accounts, crash.liquidations)
    people = tables.people(crash.accounts)
    worst = people.loc[(people["equity_start"] - people["equity"]).idxmax()]
    assert table["account"][0] == f"{worst['population']} {worst['index']}"
    assert len(table) == tables.TOP


def test_quality_adds_up_to_all(crash: SyntheticRun) -> None:
    table = tables.liquidation_quality(crash.liquidations)
    assert table.iloc[-1]["number"] == str(len(crash.liquidations))
    assert sum(map(int, table["number"][:-1])) == len(crash.liquidations)


def test_figures_stay_small(crash: SyntheticRun) -> None:
    long = pd.concat([crash.system] * 40, ignore_index=True)
    assert points(insurance.insurance_figure(long)) <= 2000


@pytest.mark.parametrize(
    ("span", "unit"), [(60, "seconds"), (3600, "minutes"), (86400, "hours"), (864000, "days")]
)
def test_time_axes_have_a_unit_that_fits(span: float, unit: str) -> None:
    assert style.clock(pd.Series([0.0, span])).unit == unit


def test_a_sentence_can_stand_in_for_a_chart() -> None:
    assert (
        style.say(style.blank(), "Nothing happened.").layout.annotations[0].text
        == "Nothing happened."
    )


@given(st.data(), st.integers(1, 40))
def test_generations_agree_with_the_trigger_graph(data: st.DataObject, n: int) -> None:
    events, liquidations = np.zeros(n, EVENT), np.zeros(n, LIQUIDATION)
    events["id"] = liquidations["event"] = np.arange(n)
    events["parent"] = [data.draw(st.integers(-1, i - 1)) for i in range(n)]
    events["account"] = [data.draw(st.integers(0, 5)) for _ in range(n)]
    liquidations["account"] = events["account"]
    born = cascade.generations(pd.DataFrame(events[["id", "parent", "account"]]))
    episodes = trigger.cascade(events, liquidations)
    assert [born[e] - 1 for e in episodes["event"]] == episodes["generation"].tolist()
