"""The sections of a report, in order: each a title, a caption in plain words, a chart, numbers."""

from typing import TYPE_CHECKING

import networkx as nx
import pandas as pd

from crossmargin.dashboards import captions
from crossmargin.dashboards.figures import (
    cascade,
    classes,
    depth,
    health,
    insurance,
    network,
    price,
    tables,
    unhedged,
    waterfall,
)
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


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text.lower())


def _timed(seconds: pd.Series, numbers: pd.DataFrame) -> pd.DataFrame:
    """Put the time, in words, before some numbers of the same rows."""
    numbers.insert(0, "time", seconds.map(duration))
    return numbers


def price_section(run: "Run", market: str, *, is_first: bool) -> Section:
    """Prices of one market and its liquidations."""
    rows = price.in_market(run.series, market)
    fall = fall_of(market, rows)
    shown = every(rows[["seconds", "mid", "mark", "index", "reference"]], ROWS)
    return Section(
        f"price-{_slug(market)}",
        f"Price of {market} and its liquidations",
        captions.PRICE if is_first else captions.PRICE_AGAIN,
        price.price_figure(run.series, run.liquidations, market),
        f"Largest fall {share(fall.fraction)}, "
        f"from {price_words(fall.peak)} to {price_words(fall.trough)}.",
        _timed(shown["seconds"], shown.drop(columns="seconds").map(price_words)),
    )


def depth_section(run: "Run") -> Section:
    """Open interest and depth."""
    rows = depth.in_quote(run.series)
    columns = ["open_interest_quote", "depth_quote"]
    wide = rows.groupby(["seconds", "market"], observed=True)[columns].sum().unstack()
    names = [f"{m}, {a.removesuffix('_quote').replace('_', ' ')}" for a, m in wide.columns]
    shown = every(wide.set_axis(names, axis=1), ROWS).reset_index()
    whole = rows.groupby("step")["depth_quote"].sum()
    return Section(
        "depth",
        "Open interest and depth",
        captions.DEPTH,
        depth.depth_figure(run.series),
        f"Depth of all books: {money(float(whole.iloc[0]))} at the start, "
        f"{money(float(whole.min()))} at its thinnest.",
        _timed(shown["seconds"], shown.drop(columns="seconds").map(money)),
    )


def health_section(run: "Run") -> Section:
    """Accounts by health over time."""
    columns, title = list(health.COLUMNS), "How close accounts are to liquidation"
    if not run.system[columns].to_numpy().any():
        return Section("health", title, captions.HEALTH, None, captions.FLAT)
    shown = every(run.system[["seconds", *columns]], ROWS)
    numbers = shown[columns].map(count).set_axis(health.bin_labels(), axis=1)
    worst = int(run.system[columns[: health.LIMIT]].sum(axis=1).max())
    return Section(
        "health",
        title,
        captions.HEALTH,
        health.health_figure(run.system),
        f"At most {count(worst)} accounts stood below health 1 when margins were judged.",
        _timed(shown["seconds"], numbers),
    )


def waterfall_section(run: "Run") -> Section:
    """Who bore what."""
    title = "Who bore the losses"
    if run.liquidations.empty:
        return Section("waterfall", title, captions.WATERFALL, None, captions.QUIET)
    rows = layers_of(run)
    lines = [(r.bearer, money(r.amount), r.meaning) for r in rows]
    top = max(rows, key=lambda r: r.amount)
    return Section(
        "waterfall",
        title,
        captions.WATERFALL,
        waterfall.waterfall_figure(rows),
        f"Most was borne by {top.bearer}: {money(top.amount)}.",
        pd.DataFrame(lines, columns=["who", "amount", "what it is"]),
    )


def insurance_section(run: "Run") -> Section:
    """Cushions over time."""
    columns = ["insurance", "backstop", "bad_debt", "socialised", "adl_notional"]
    shown = every(run.system[["seconds", *columns]], ROWS)
    numbers = shown[columns].map(money).rename(columns=lambda c: c.replace("_", " "))
    return Section(
        "insurance",
        "Insurance fund",
        captions.INSURANCE,
        insurance.insurance_figure(run.system),
        f"The fund held {money(float(run.system['insurance'].min()))} at its lowest.",
        _timed(shown["seconds"], numbers),
    )


def unhedged_sections(run: "Run") -> list[Section]:
    """Hedges that were lost, when anybody in the run hedges all that he holds."""
    names = unhedged.hedged_populations(run.system)
    if not names:
        return []
    title, most = "Hedges lost", float(run.system["unhedged"].max())
    if not most:
        return [Section("unhedged", title, captions.UNHEDGED, None, captions.HEDGED)]
    columns = [*(unhedged.PREFIX + name for name in names), "adl_notional"]
    shown = every(run.system[["seconds", *columns]], ROWS)
    numbers = shown[columns].map(money).set_axis([*names, "ADL so far"], axis=1)
    left = float(run.system["unhedged"].iloc[-1])
    return [
        Section(
            "unhedged",
            title,
            captions.UNHEDGED,
            unhedged.unhedged_figure(run.system),
            f"At most {money(most)} stood without a hedge, {money(left)} at the end.",
            _timed(shown["seconds"], numbers),
        )
    ]


def cascade_section(run: "Run") -> Section:
    """The cascade in time and by generation."""
    if run.liquidations.empty:
        return Section("cascade", "The cascade", captions.CASCADE, None, captions.QUIET)
    rows = cascade.by_generation(run.liquidations, run.events)
    table = cascade.cascade_numbers(rows)
    written = {"notional": table["notional"].map(money), "share": table["share"].map(share)}
    return Section(
        "cascade",
        "The cascade",
        captions.CASCADE,
        cascade.cascade_figure(run.liquidations, run.events),
        f"The longest chain has {count(table['generation'].max())} generations.",
        every(table.assign(**written), ROWS),
    )


def _edges(graph: nx.DiGraph) -> pd.DataFrame:
    order = sorted(graph.edges(data=True), key=lambda e: -e[2]["loss"])[:ROWS]
    name = graph.nodes(data="label")
    columns = {
        "caused by": [name[a] for a, _, _ in order],
        "lost by": [name[b] for _, b, _ in order],
        "loss": [money(d["loss"]) for _, _, d in order],
        "through the price": [money(d["price"]) for _, _, d in order],
        "by transfer": [money(d["transfer"]) for _, _, d in order],
    }
    return pd.DataFrame(columns)


def _no_losses(run: "Run") -> str:
    return captions.QUIET if run.liquidations.empty else captions.HARMLESS


def _biggest(graph: nx.DiGraph) -> str:
    a, b, loss = max(graph.edges(data="loss"), key=lambda e: e[2])
    name = graph.nodes(data="label")
    if a == b:
        return f"The largest flow: liquidated {name[a]} cost others among them {money(loss)}."
    return f"The largest flow: {name[a]} cost {name[b]} {money(loss)}."


def populations_section(run: "Run") -> Section:
    """Losses between populations."""
    graph, title = run.contagion.graph("population"), "Who cost whom: populations"
    drawing = network.on_circle(graph)
    if not drawing.graph.number_of_edges():
        return Section("contagion", title, captions.POPULATIONS, None, _no_losses(run))
    return Section(
        "contagion",
        title,
        captions.POPULATIONS,
        network.population_network(drawing),
        f"{_biggest(graph)} The arrows drawn carry {share(drawing.shown)} of all losses.",
        _edges(graph),
    )


def accounts_section(run: "Run", graph: nx.DiGraph) -> Section:
    """Losses from the accounts that caused most to those that bore most."""
    drawing, title = network.in_columns(graph), "Who cost whom: the largest accounts"
    if not drawing.graph.number_of_edges():
        return Section("accounts", title, captions.ACCOUNTS, None, _no_losses(run))
    return Section(
        "accounts",
        title,
        captions.ACCOUNTS,
        network.account_network(drawing),
        f"The lines drawn carry {share(drawing.shown)} of all losses.",
        _edges(graph),
    )


def classes_section(run: "Run") -> Section:
    """Gains and losses of price by author class."""
    title, table = (
        "Gains and losses, by whose orders moved the price",
        classes.class_losses(run.accounts),
    )
    if table.empty:
        return Section("classes", title, captions.CLASSES, None, captions.FLAT)
    named = table.assign(total=table.sum(axis=1)).map(money).rename(columns=classes.MEANING)
    forced = float(table["forced"].clip(upper=0).sum())
    return Section(
        "classes",
        title,
        captions.CLASSES,
        classes.class_figure(run.accounts),
        f"Populations that lost by forced orders lost {money(-forced)}." if forced else "",
        named.rename_axis("population").reset_index(),
    )


def table_sections(run: "Run", graph: nx.DiGraph) -> list[Section]:
    """Accounts that spread and lost most, quality of the liquidations."""
    spread = tables.spreaders(run.accounts, run.liquidations, graph)
    lost = tables.losers(run.accounts, run.liquidations)
    quality = tables.liquidation_quality(run.liquidations)
    return [
        _listing(
            "spread", "Ten accounts that spread most", captions.SPREAD, spread, _no_losses(run)
        ),
        _listing("lost", "Ten accounts that lost most", captions.LOST, lost, captions.NO_LOSS),
        _listing(
            "quality", "Quality of the liquidations", captions.QUALITY, quality, captions.QUIET
        ),
    ]


def _listing(name: str, title: str, caption: str, rows: pd.DataFrame, empty: str) -> Section:
    return Section(name, title, caption, None, "" if len(rows) else empty, rows, True)


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
        *unhedged_sections(run),
        cascade_section(run),
        populations_section(run),
        accounts_section(run, graph),
        classes_section(run),
        *table_sections(run, graph),
    ]
