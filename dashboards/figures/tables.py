"""Tables of a run, as frames of text ready to print."""

import networkx as nx
import pandas as pd

from crossmargin.dashboards.figures.classes import PREFIX, readable
from crossmargin.dashboards.figures.words import count, duration, money, share, short
from crossmargin.model.state import SYSTEM_ROWS

TOP = 10
#: Kinds of forced closing in words.
KINDS = {
    "forced_order": "forced order on the book",
    "takeover": "take-over at the mark, without a trade",
    "backstop": "hand-over to the backstop vault",
    "keeper": "taken over by a liquidator",
    "adl": "auto-deleveraging",
    "seizure": "sale of collateral",
}


def people(accounts: pd.DataFrame) -> pd.DataFrame:
    """Rows of populations, without those of the system, by account."""
    names = accounts["population"].astype(str)
    is_system = names.isin(SYSTEM_ROWS) | names.str.startswith(("settlement ", "pool "))
    return accounts[~is_system].set_index("account", drop=False)


def positions(row: pd.Series) -> str:
    """What an account holds, in words: −1.2 BTC-PERP, 30 ETH-PERP."""
    markets = [c for c in row.index if c.startswith("position:")]
    held = [(short(row[c]), c.removeprefix("position:")) for c in markets]
    return ", ".join(f"{size} {market}" for size, market in held if size != "0") or "none"


def _identity(row: pd.Series, closed: pd.Series) -> dict[str, str]:
    return {
        "account": f"{readable(row['population'])} {int(row['index'])}",
        "equity, start → end": f"{money(row['equity_start'])} → {money(row['equity'])}",
        "position at the end": positions(row),
        "closed by force": money(float(closed.get(row["account"], 0.0))),
    }


def _by_class(rows: pd.DataFrame) -> pd.DataFrame:
    """Gains by author class in words, without the classes that moved nobody's price."""
    table = rows[[c for c in rows.columns if c.startswith(PREFIX)]]
    table = table.loc[:, (table != 0).any()].map(money)
    return table.rename(columns=lambda c: f"price: {c.removeprefix(PREFIX)}").reset_index(drop=True)


def spreaders(
    accounts: pd.DataFrame, liquidations: pd.DataFrame, graph: nx.DiGraph
) -> pd.DataFrame:
    """The ten accounts whose forced orders and debts cost others most."""
    rows, closed = people(accounts), liquidations.groupby("account")["notional"].sum()
    caused = pd.Series(
        {n: float(d["caused"]) for n, d in graph.nodes(data=True) if n in rows.index}
    )
    top = caused[caused > 0].nlargest(TOP) if len(caused) else caused
    lines = []
    for account, amount in top.items():
        row = rows.loc[account]
        line = _identity(row, closed) | {"losses it spread": money(amount)}
        lines.append(line | {"liquidations": count(row["liquidations"])})
    return pd.DataFrame(lines)


def losers(accounts: pd.DataFrame, liquidations: pd.DataFrame) -> pd.DataFrame:
    """The ten accounts that lost most, with the class of the orders that moved their prices."""
    rows, closed = people(accounts), liquidations.groupby("account")["notional"].sum()
    lost = rows["equity_start"] + rows["deposited"] - rows["equity"]
    top = rows.assign(lost=lost)[lost > 0].nlargest(TOP, "lost")
    lines = [_identity(r, closed) | {"lost": money(r["lost"])} for _, r in top.iterrows()]
    return pd.concat([pd.DataFrame(lines), _by_class(top)], axis=1)


def _quality(name: str, rows: pd.DataFrame) -> dict[str, str]:
    notional = float(rows["notional"].sum())
    slippage, profit = float(rows["slippage"].sum()), float(rows["in_profit"].sum())
    return {
        "how it was closed": name,
        "number": count(len(rows)),
        "notional": money(notional),
        "delay, median": duration(float(rows["delay_seconds"].median())),
        "delay, worst": duration(float(rows["delay_seconds"].max())),
        "slippage": money(slippage),
        "slippage, of notional": share(slippage / notional) if notional else "–",
        "in profit, yet closed": money(profit),
        "in profit, of notional": share(profit / notional) if notional else "–",
        "penalties": money(float(rows["penalty"].sum())),
    }


def liquidation_quality(liquidations: pd.DataFrame) -> pd.DataFrame:
    """Delay, slippage and profitable notional by kind of closing, and in all."""
    lines = [
        _quality(KINDS.get(str(kind), readable(str(kind))), rows)
        for kind, rows in liquidations.groupby("kind", sort=False)
    ]
    return pd.DataFrame([*lines, _quality("all", liquidations)] if lines else [])
