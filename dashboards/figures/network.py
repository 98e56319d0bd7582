"""The contagion network, drawn so that it can be read: few nodes, no two labels in one place.

Populations stand on a circle; single accounts stand in two columns, those that caused losses on
the left and those that bore them on the right, joined by an edge for each loss.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from crossmargin.dashboards.figures.classes import readable
from crossmargin.dashboards.figures.style import CHANNELS, GREY, INK, ORANGE, blank
from crossmargin.dashboards.figures.words import money

Point = NDArray[np.float64]
#: Edges drawn at most; the caption says which part of all losses they carry.
EDGES = 24
CHANNEL_WORDS = {"price": "through the price", "transfer": "by transfer (fund, ADL, shared loss)"}


class Drawing(NamedTuple):
    """What is drawn: the graph cut down to its largest edges and a place for each node."""

    graph: nx.DiGraph
    places: Mapping[Any, Point]
    shown: float  # share of all losses that the edges carry


def largest_edges(graph: nx.DiGraph, edges: int) -> tuple[nx.DiGraph, float]:
    """Keep the edges that carry most; return the graph and the share of all losses it shows."""
    order = sorted(graph.edges(data="loss"), key=lambda e: (-e[2], str(e[0]), str(e[1])))
    kept = [(a, b) for a, b, loss in order[:edges] if loss > 0]
    total = sum(loss for _, _, loss in order)
    part = graph.edge_subgraph(kept).copy()
    return part, sum(d for _, _, d in part.edges(data="loss")) / total if total else 0.0


def on_circle(graph: nx.DiGraph, edges: int = EDGES) -> Drawing:
    """Place every node of a small graph on a circle, system rows side by side."""
    part, shown = largest_edges(graph, edges)
    order = sorted(
        part, key=lambda n: (part.nodes[n]["kind"] == "system", str(part.nodes[n]["label"]))
    )
    ring = nx.Graph()
    ring.add_nodes_from(order)
    places = nx.circular_layout(ring) if len(order) > 1 else {n: np.zeros(2) for n in order}
    return Drawing(part, places, shown)


def in_columns(graph: nx.DiGraph, accounts: int = 12, edges: int = 2 * EDGES) -> Drawing:
    """Place the accounts that caused most on the left and those that bore most of it on the right.

    An account that did both stands on both sides; the accounts that the graph folds up into one
    node are left out.
    """
    folded = [n for n, kind in graph.nodes(data="kind") if kind == "others"]
    total = graph.size(weight="loss")
    graph = graph.subgraph(set(graph) - set(folded))
    sources = _top(graph.nodes(data="caused"), accounts)
    between = graph.edge_subgraph([e for e in graph.edges if e[0] in sources])
    losers = _top(((n, between.nodes[n]["suffered"]) for n in between), accounts)
    pairs = nx.DiGraph()
    for a, b, data in between.edges(data=True):
        if b in losers:
            pairs.add_node(("from", a), **graph.nodes[a])
            pairs.add_node(("to", b), **graph.nodes[b])
            pairs.add_edge(("from", a), ("to", b), **data)
    part, _ = largest_edges(pairs, edges)
    drawn = part.size(weight="loss")
    places = _column(part, "from", sources, -1.0) | _column(part, "to", losers, 1.0)
    return Drawing(part, places, drawn / total if total else 0.0)


def _top(weights: Iterable[tuple[Any, float]], n: int) -> list[Any]:
    return [k for k, v in sorted(weights, key=lambda w: (-w[1], str(w[0])))[:n] if v > 0]


def _column(graph: nx.DiGraph, side: str, order: list[Any], x: float) -> dict[Any, Point]:
    """Spread the nodes of one side evenly, the largest on top."""
    nodes = [(side, n) for n in order if (side, n) in graph]
    heights = np.linspace(1, -1, len(nodes)) if len(nodes) > 1 else np.zeros(len(nodes))
    return {n: np.array([x, y]) for n, y in zip(nodes, heights, strict=True)}


def curve(a: Point, b: Point, bend: float = 0.18) -> NDArray[np.float64]:
    """Points (2, 25) of an arc from a to b; from a node to itself, a loop on its outer side."""
    t = np.linspace(0, 1, 25)
    if np.allclose(a, b):
        out = a / max(float(np.hypot(*a)), 1e-9) if np.any(a) else np.array([0.0, 1.0])
        turn = np.arctan2(-out[1], -out[0]) + 2 * np.pi * t
        return (a + 0.17 * out)[:, None] + 0.17 * np.stack([np.cos(turn), np.sin(turn)])
    across = np.array([-(b - a)[1], (b - a)[0]])
    middle = 0.5 * (a + b) + bend * across
    return np.outer(a, (1 - t) ** 2) + np.outer(middle, 2 * t * (1 - t)) + np.outer(b, t**2)


def _edge_words(graph: nx.DiGraph, a: Any, b: Any) -> str:
    data = graph.edges[a, b]
    who = f"{graph.nodes[a]['label']} → {graph.nodes[b]['label']}"
    parts = (("price", data.get("price", 0.0)), ("transfer", data.get("transfer", 0.0)))
    ways = "".join(f"<br>{CHANNEL_WORDS[k]}: {money(v)}" for k, v in parts if v)
    return f"{who}<br><b>{money(data['loss'])}</b>{ways}"


def _add_edges(figure: go.Figure, drawing: Drawing, bend: float) -> None:
    graph = drawing.graph
    top = max((d for _, _, d in graph.edges(data="loss")), default=1.0)
    for a, b, data in sorted(graph.edges(data=True), key=lambda e: -e[2]["loss"]):
        xs, ys = curve(drawing.places[a], drawing.places[b], bend)
        weight = data["loss"] / top
        colour = CHANNELS.get(data["channel"], GREY)
        figure.add_scatter(
            x=xs.round(4),
            y=ys.round(4),
            mode="lines",
            line={"color": colour, "width": 1 + 9 * weight},
            opacity=0.5,
            text=[_edge_words(graph, a, b)] * len(xs),
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
        if bend:
            _add_arrow(figure, xs, ys, colour, 1 + 9 * weight)


def _add_arrow(figure: go.Figure, xs: Point, ys: Point, colour: str, width: float) -> None:
    """Mark the direction in the middle of an edge; the first of two points only gives the angle."""
    at = [13, 15]
    marker = {
        "symbol": "arrow",
        "angleref": "previous",
        "size": [0, 8 + 1.4 * width],
        "color": colour,
        "opacity": 1,
        "line": {"width": [0, 1], "color": "white"},
    }
    figure.add_scatter(
        x=xs[at], y=ys[at], mode="markers", marker=marker, hoverinfo="skip", showlegend=False
    )


def _add_nodes(figure: go.Figure, drawing: Drawing, sizes: Mapping[Any, float]) -> None:
    graph, nodes = drawing.graph, list(drawing.graph)
    top = max(sizes.values(), default=1.0) or 1.0
    system = [graph.nodes[n]["kind"] == "system" for n in nodes]
    figure.add_scatter(
        x=[float(drawing.places[n][0]) for n in nodes],
        y=[float(drawing.places[n][1]) for n in nodes],
        mode="markers",
        marker={
            "size": [9 + 25 * np.sqrt(max(sizes[n], 0.0) / top) for n in nodes],
            "color": [GREY if s else ORANGE for s in system],
            "symbol": ["square" if s else "circle" for s in system],
            "line": {"color": INK, "width": 1},
            "opacity": 1,
        },
        text=[_node_words(graph.nodes[n]) for n in nodes],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )


def _node_words(node: Mapping[str, Any]) -> str:
    caused, suffered = money(node["caused"]), money(node["suffered"])
    return f"<b>{readable(node['label'])}</b><br>caused {caused}<br>lost {suffered}"


def _add_legend(figure: go.Figure, graph: nx.DiGraph) -> None:
    for channel in sorted({c for _, _, c in graph.edges(data="channel")}):
        line = {"color": CHANNELS.get(channel, GREY), "width": 4}
        name = CHANNEL_WORDS.get(channel, channel)
        figure.add_scatter(x=[None], y=[None], mode="lines", line=line, name=name)


def _outside(place: Point, has_loop: bool) -> dict[str, Any]:
    """Put a label on the side of a node that looks away from the centre."""
    x, y = (float(v) for v in place)
    loop = 1.42 if has_loop else 1.17
    anchor = "center" if abs(x) < 0.35 else "left" if x > 0 else "right"
    height = "middle" if abs(x) >= 0.35 else "bottom" if y > 0 else "top"
    shift = {"center": 0, "left": 10, "right": -10}[anchor]
    return {"x": x * loop, "y": y * loop, "xanchor": anchor, "yanchor": height, "xshift": shift}


def population_network(drawing: Drawing) -> go.Figure:
    """Draw losses between populations and rows of the system."""
    figure = blank(height=560, hovermode="closest")
    _add_edges(figure, drawing, 0.18)
    suffered = {n: float(d["suffered"]) for n, d in drawing.graph.nodes(data=True)}
    _add_nodes(figure, drawing, suffered)
    _add_legend(figure, drawing.graph)
    for node, place in drawing.places.items():
        has_loop = drawing.graph.has_edge(node, node)
        name = readable(drawing.graph.nodes[node]["label"]).replace(" ", "<br>", 1)
        text = f"<b>{name}</b><br>lost {money(suffered[node])}"
        figure.add_annotation(
            text=text, showarrow=False, font={"size": 11}, **_outside(place, has_loop)
        )
    figure.update_xaxes(visible=False, range=[-2.1, 2.1], fixedrange=True)
    return figure.update_yaxes(visible=False, range=[-1.6, 1.6], scaleanchor="x", fixedrange=True)


def account_network(drawing: Drawing) -> go.Figure:
    """Draw losses from the accounts that caused most to those that bore most of it."""
    graph = drawing.graph
    sides = [sum(1 for n in graph if n[0] == side) for side in ("from", "to")]
    figure = blank(height=120 + 36 * max(sides), hovermode="closest")
    _add_edges(figure, drawing, 0.0)
    amounts = {
        n: float(d["caused" if n[0] == "from" else "suffered"]) for n, d in graph.nodes(data=True)
    }
    _add_nodes(figure, drawing, amounts)
    _add_legend(figure, graph)
    for (side, node), (x, y) in drawing.places.items():
        label = readable(graph.nodes[side, node]["label"])[:24]
        anchor = "right" if side == "from" else "left"
        where = {"x": 1.16 * x, "y": y, "xanchor": anchor, "align": anchor}
        text = f"{label}<br><b>{money(amounts[side, node])}</b>"
        figure.add_annotation(text=text, showarrow=False, font={"size": 11}, **where)
    for x, text in ((-1, "<b>caused</b>"), (1, "<b>lost</b>")):
        figure.add_annotation(x=x, y=1.22, text=text, showarrow=False)
    figure.update_xaxes(visible=False, range=[-2.6, 2.6], fixedrange=True)
    return figure.update_yaxes(visible=False, range=[-1.15, 1.3], fixedrange=True)
