"""The sections of a report, in order: each a title, a caption in plain words, a chart, numbers."""

from typing import TYPE_CHECKING

import networkx as nx
import pandas as pd

from crossmargin.dashboards.figures import cascade, classes, depth, health, insurance, network, price
from crossmargin.dashboards.figures import tables, waterfall
from crossmargin.dashboards.figures.thin import every
from crossmargin.dashboards.figures.words import count, duration, money, share
from crossmargin.dashboards.figures.words import price as price_words
from crossmargin.dashboards.headline import fall_of, layers_of
from crossmargin.dashboards.page import Section

if TYPE_CHECKING:
    from crossmargin.experiments.run import Run

#: Rows of a table behind a chart over time; the whole is in the run's Parquet files.
ROWS = 48
#: Accounts of which the contagion graph shows each; the others are summed.
ACCOUNTS = 250
QUIET = "No account was liquidated in this run, so there is nothing to show here."


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text.lower())


def _when(seconds: pd.Series) -> pd.Series:
    return seconds.map(duration)


def _price_caption(is_first: bool) -> str:
    if not is_first:
        return "The same for this market. Red circles: liquidations, by the value closed."
    return (
        "Four prices of one thing. The mid stands between the best bid and the best ask of this "
        "venue's own book; the outside price is that of the wider world; the index is what the "
        "oracle reports of it; the mark is what margin is judged by. Each red circle is a moment "
        "with liquidations, its area the value closed. When the mid runs away from the outside "
        "price, forced selling or buying here moves the market more than the news does."
    )


def price_section(run: "Run", market: str, *, is_first: bool) -> Section:
    """Prices of one market and its liquidations."""
    rows = price.in_market(run.series, market)
    fall = fall_of(market, rows)
    shown = every(rows[["seconds", "mid", "mark", "index", "reference"]], ROWS)
    numbers = shown.drop(columns="seconds").map(price_words)
    numbers.insert(0, "time", _when(shown["seconds"]))
    words = f"Largest fall {share(fall.fraction)}, from {price_words(fall.peak)} to {price_words(fall.trough)}."
    figure = price.price_figure(run.series, run.liquidations, market)
    name = f"price-{_slug(market)}"
    title, caption = f"Price of {market} and its liquidations", _price_caption(is_first)
    return Section(name, title, caption, figure, words, numbers)


def depth_section(run: "Run") -> Section:
    """Open interest and depth."""
    caption = (
        "Above: open interest, the value of all positions that are open; the more there is, the "
        "more can be liquidated. Below: depth, the value of the orders waiting in the book near "
        "the mid, both sides; the less there is, the further a forced order moves the price. Trouble is "
        "when the lower lines fall while the upper ones are high."
    )
    rows = depth.in_quote(run.series)
    values = rows.groupby(["seconds", "market"], observed=True)[["open_interest_quote", "depth_quote"]]
    table = values.sum().unstack()
    table.columns = pd.Index([f"{m}, {a.removesuffix('_quote').replace('_', ' ')}" for a, m in table.columns])
    shown = every(table, ROWS).map(money).rename_axis("time").reset_index()
    shown["time"] = _when(shown["time"])
    low = rows.groupby("step")["depth_quote"].sum()
    start, least = float(low.iloc[0]), float(low.min())
    words = f"Depth of all books: {money(start)} at the start, {money(least)} at its thinnest."
    return Section("depth", "Open interest and depth", caption, depth.depth_figure(run.series), words, shown)


def health_section(run: "Run") -> Section:
    """Accounts by health over time."""
    caption = (
        "Each column is a moment, each row a range of health: what an account is worth over what "
        "the venue requires it to keep. Darker means more accounts. Below the dashed line (health "
        "1) the venue may liquidate; below 0 an account owes more than it has. A dark cloud that "
        "sinks towards the line is a crowd about to be sold out together."
    )
    columns = list(health.COLUMNS)
    shown = every(run.system[["seconds", *columns]], ROWS)
    numbers = shown[columns].map(count)
    numbers.columns = pd.Index(health.bin_labels())
    numbers.insert(0, "time", _when(shown["seconds"]))
    if not run.system[columns].to_numpy().any():
        return Section("health", "How close accounts are to liquidation", caption, None, "Nobody held a position.")
    worst = int(run.system[columns[: health.LIMIT]].sum(axis=1).max())
    words = f"At the worst moment {count(worst)} accounts stood below health 1."
    figure = health.health_figure(run.system)
    return Section("health", "How close accounts are to liquidation", caption, figure, words, numbers)


def waterfall_section(run: "Run") -> Section:
    """Who bore what."""
    caption = (
        "What the liquidations cost, and who bore it, in the order in which the venue turns to "
        "them: first the margin of the liquidated accounts themselves (worse prices than the mark, "
        "and penalties), then the cushions, then other users, and last whatever nobody has paid."
    )
    if run.liquidations.empty:
        return Section("waterfall", "Who bore the losses", caption, None, QUIET)
    rows = layers_of(run)
    table = pd.DataFrame([(r.bearer, money(r.amount), r.meaning) for r in rows])
    table.columns = pd.Index(["who", "amount", "what it is"])
    top = max(rows, key=lambda r: r.amount)
    words = f"Most was borne by {top.bearer}: {money(top.amount)}."
    figure = waterfall.waterfall_figure(rows)
    return Section("waterfall", "Who bore the losses", caption, figure, words, table)


def insurance_section(run: "Run") -> Section:
    """Cushions over time."""
    caption = (
        "The insurance fund grows by its share of the penalties and pays what emptied accounts "
        "owe. Steps down are payments. Once it is empty, winners or all users pay. Bad debt is "
        "the running total of what emptied accounts owed."
    )
    lowest = float(run.system["insurance"].min())
    words = f"The fund held {money(lowest)} at its lowest."
    columns = ["insurance", "backstop", "bad_debt", "socialised", "adl_notional"]
    shown = every(run.system[["seconds", *columns]], ROWS)
    numbers = shown[columns].map(money).rename(columns=lambda c: c.replace("_", " "))
    numbers.insert(0, "time", _when(shown["seconds"]))
    figure = insurance.insurance_figure(run.system)
    return Section("insurance", "Insurance fund", caption, figure, words, numbers)


def cascade_section(run: "Run") -> Section:
    """The cascade in time and by generation."""
    caption = (
        "Above: the value of positions closed by force in each span of time. The colour tells how "
        "many other accounts' liquidations stand behind one: the first generation was brought down by the "
        "market alone, the second by a liquidation of the first, and so on. Below: the running total. "
        "Much beyond the first generation is a cascade that feeds itself."
    )
    if run.liquidations.empty:
        return Section("cascade", "The cascade", caption, None, QUIET)
    rows = cascade.by_generation(run.liquidations, run.events)
    table = cascade.cascade_numbers(rows)
    words = f"The longest chain has {count(table['generation'].max())} generations."
    for column, write in (("notional", money), ("share", share)):
        table[column] = table[column].map(write)
    figure = cascade.cascade_figure(run.liquidations, run.events)
    return Section("cascade", "The cascade", caption, figure, words, every(table, ROWS))


def _edges(graph: nx.DiGraph) -> pd.DataFrame:
    order = sorted(graph.edges(data=True), key=lambda e: -e[2]["loss"])[:ROWS]
    name = graph.nodes(data="label")
    lines = [
        (name[a], name[b], money(d["loss"]), money(d.get("price", 0)), money(d.get("transfer", 0)))
        for a, b, d in order
    ]
    return pd.DataFrame(lines, columns=["caused by", "lost by", "loss", "through the price", "by transfer"])


def populations_section(run: "Run") -> Section:
    """Losses between populations."""
    caption = (
        "An arrow from A to B is what liquidations of A cost B; the wider, the more. Blue came "
        "through the price (A's forced orders moved it while B held a position), red by transfer "
        "(the insurance fund, auto-deleveraging or a shared loss paid for A). The larger a circle, "
        "the more it lost; squares are accounts of the venue. A loop is loss within one population. It is "
        "an exact account of who moved prices last, not proof that nothing else would have."
    )
    graph = run.contagion.graph("population")
    drawing = network.on_circle(graph)
    title = "Who cost whom: populations"
    if not drawing.graph.number_of_edges():
        return Section("contagion", title, caption, None, _no_losses(run))
    words = f"{_biggest(graph)} The arrows carry {share(drawing.shown)} of all losses."
    return Section("contagion", title, caption, network.population_network(drawing), words, _edges(graph))


def _no_losses(run: "Run") -> str:
    return QUIET if run.liquidations.empty else "The liquidations of this run cost nobody else anything."


def _biggest(graph: nx.DiGraph) -> str:
    a, b, loss = max(graph.edges(data="loss"), key=lambda e: e[2])
    name = graph.nodes(data="label")
    own = f"liquidations among {name[a]} cost others of them" if a == b else f"{name[a]} cost {name[b]}"
    return f"The largest flow: {own} {money(loss)}."


def accounts_section(run: "Run", graph: nx.DiGraph) -> Section:
    """Losses from the accounts that caused most to those that bore most of it."""
    caption = (
        "On the left the accounts whose liquidations cost others most, on the right the accounts that "
        "bore most of that; a line joins two where one cost the other something, as wide as the "
        "loss. Only the largest are drawn. Positions of bystanders are enough: nobody here traded "
        "with anybody by choice."
    )
    drawing = network.in_columns(graph)
    title = "Who cost whom: the largest accounts"
    if not drawing.graph.number_of_edges():
        return Section("accounts", title, caption, None, _no_losses(run))
    words = f"The lines carry {share(drawing.shown)} of all losses between accounts."
    figure = network.account_network(drawing)
    return Section("accounts", title, caption, figure, words, _edges(graph))


def classes_section(run: "Run") -> Section:
    """Gains and losses of price by author class."""
    caption = (
        "Every move of the mid has an author: the order that made it. For each population the bars "
        "add up what it gained (right) or lost (left) on its positions, by the kind of order that "
        "moved the price. For perpetuals, what one side loses the other gains, so the colours cancel over all "
        "populations. Red is the part of the forced orders."
    )
    table = classes.class_losses(run.accounts)
    title = "Gains and losses, by whose orders moved the price"
    if table.empty:
        return Section("classes", title, caption, None, "No price moved while anybody held a position.")
    named = table.assign(total=table.sum(axis=1)).map(money).rename(columns=classes.MEANING)
    figure = classes.class_figure(run.accounts)
    return Section("classes", title, caption, figure, "", named.reset_index())


def table_sections(run: "Run", graph: nx.DiGraph) -> list[Section]:
    """Accounts that spread and lost most, quality of the liquidations."""
    spread = tables.spreaders(run.accounts, run.liquidations, graph)
    lost = tables.losers(run.accounts, run.liquidations)
    quality = tables.liquidation_quality(run.liquidations)
    captions = (
        "The accounts whose liquidations cost other accounts most, through the price and by transfer.",
        "The accounts whose equity fell most, and by whose orders the price moved against them "
        "(negative: lost). Fees, funding and penalties come on top.",
        "How well positions were closed: how long after the account fell below its requirement, how much "
        "worse than the mark (slippage), and how much was closed although it stood in profit.",
    )
    titles = ("Ten accounts that spread most", "Ten accounts that lost most", "Quality of the liquidations")
    names, empty = ("spread", "lost", "quality"), (QUIET, "No account lost anything.", QUIET)
    frames = (spread, lost, quality)
    return [
        Section(n, t, c, None, "" if len(f) else e, f, True)
        for n, t, c, f, e in zip(names, titles, captions, frames, empty, strict=True)
    ]


def sections(run: "Run") -> list[Section]:
    """All sections of a report, in order."""
    graph = run.contagion.graph("account", top=ACCOUNTS)
    markets = [str(m) for m in run.series["market"].unique()]
    return [
        *(price_section(run, m, is_first=not i) for i, m in enumerate(markets)),
        depth_section(run),
        health_section(run),
        waterfall_section(run),
        insurance_section(run),
        cascade_section(run),
        populations_section(run),
        accounts_section(run, graph),
        classes_section(run),
        *table_sections(run, graph),
    ]
