"""Made-up runs with the columns of real ones, for the tests of figures and of the report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from crossmargin.model.record import HEALTH_BINS
from crossmargin.model.state import CLASSES, SYSTEM_ROWS

MARKETS = ("BTC-PERP", "ETH-PERP")
POPULATIONS = ("makers", "leveraged longs", "leveraged shorts", "noise traders", "whale")
BLOCK = 60.0
STORY = 'A whale with <20x> leverage & no patience is sold out. Nobody had asked her "why".'


class Contagion:
    """Losses between made-up populations and accounts."""

    def __init__(self, accounts: pd.DataFrame, liquidated: list[int], seed: int) -> None:
        self.accounts, self.liquidated = accounts, liquidated
        self.rng = np.random.default_rng(seed)

    def graph(self, level: str = "account", *, top: int | None = None) -> nx.DiGraph:
        """Losses at the level of accounts or populations."""
        graph = nx.DiGraph()
        names = self.accounts.set_index("account")["population"]
        people = names[~names.isin(SYSTEM_ROWS)]
        for source in self.liquidated:
            for loser in self.rng.choice(people.index, 12, replace=False):
                price = float(self.rng.exponential(2e4))
                self._add(graph, level, people, int(source), int(loser), price, 0.0)
            self._add(graph, level, names, int(source), "insurance", 0.0, 9e3)
        for node in graph:
            graph.nodes[node]["caused"] = graph.out_degree(node, weight="loss")
            graph.nodes[node]["suffered"] = graph.in_degree(node, weight="loss")
        return graph

    def _add(self, graph: nx.DiGraph, level: str, names: pd.Series, *edge: Any) -> None:
        source, loser, price, transfer = edge
        a, b = (self._node(graph, level, names, row) for row in (source, loser))
        if level == "account" and a == b:
            return
        data = graph.get_edge_data(a, b, {"price": 0.0, "transfer": 0.0})
        price, transfer = price + data["price"], transfer + data["transfer"]
        channel = "price" if price >= transfer else "transfer"
        graph.add_edge(a, b, loss=price + transfer, price=price, transfer=transfer, channel=channel)

    def _node(self, graph: nx.DiGraph, level: str, names: pd.Series, row: Any) -> Any:
        if row == "insurance":
            key, kind, label, name = row, "system", row, "system"
        elif level == "population":
            key, kind, label, name = names[row], "population", names[row], names[row]
        else:
            index = int(self.accounts.set_index("account").loc[row, "index"])
            key, kind, label, name = row, "account", f"{names[row]} {index}", names[row]
        graph.add_node(key, kind=kind, label=label, population=name)
        return key


@dataclass
class SyntheticRun:
    """The frames of a run, made up."""

    series: pd.DataFrame
    system: pd.DataFrame
    events: pd.DataFrame
    liquidations: pd.DataFrame
    accounts: pd.DataFrame
    summary: Mapping[str, Any]
    contagion: Contagion
    scenario: Any
    seed: int = 7
    versions: Mapping[str, str] = field(default_factory=lambda: {"crossmargin": "0.1.0"})


def _prices(steps: int, rng: np.random.Generator, crash: bool) -> np.ndarray:
    path = np.cumsum(rng.normal(0, 4e-4, steps))
    if crash:
        at = np.arange(steps) - steps // 3
        path = (
            path - 0.18 / (1 + np.exp(-at / (steps / 90))) + 0.06 / (1 + np.exp(-at / (steps / 9)))
        )
    return np.exp(path)


def _series(steps: int, rng: np.random.Generator, crash: bool) -> pd.DataFrame:
    frames = []
    for market, start in zip(MARKETS, (58000.0, 2900.0), strict=True):
        reference = start * _prices(steps, rng, crash)
        mid = reference * (1 + rng.normal(0, 5e-4, steps))
        depth = 4e7 / mid * np.minimum(1, reference / start) ** 6
        frame = pd.DataFrame({"step": np.arange(steps), "seconds": BLOCK * np.arange(steps)})
        frame = frame.assign(market=market, mid=mid, mark=mid, index=reference, reference=reference)
        frame = frame.assign(bid=mid * 0.9999, ask=mid * 1.0001, last=mid, depth_bid=depth)
        frame = frame.assign(depth_ask=depth * 1.2, open_interest=2e8 / start * mid / start)
        frame = frame.assign(
            volume=5.0, trades=9, forced_volume=0.0, funding_rate=1e-4, halted=False
        )
        frames.append(frame)
    return pd.concat(frames, ignore_index=True).sort_values(["step", "market"], ignore_index=True)


def _accounts(rng: np.random.Generator, n: int) -> pd.DataFrame:
    rows = [{"population": name, "index": -1, "owner": -1} for name in SYSTEM_ROWS]
    for population in POPULATIONS:
        size = 1 if population == "whale" else n
        rows += [
            {"population": population, "index": i, "owner": len(rows) + i} for i in range(size)
        ]
    frame = pd.DataFrame(rows)
    size = len(frame)
    start = rng.lognormal(10, 1.5, size)
    frame = frame.assign(account=np.arange(size), mode="cross", state="healthy", equity_start=start)
    frame = frame.assign(equity=start * rng.uniform(0.1, 1.2, size), initial_requirement=start / 3)
    frame = frame.assign(
        maintenance_requirement=start / 6, health=3.0, deposited=0.0, liquidations=0
    )
    for market in MARKETS:
        frame[f"position:{market}"] = rng.normal(0, 2, size).round(3)
    for name in CLASSES:
        frame[f"pnl:{name}"] = rng.normal(0, 3e3, size)
    return frame


def _liquidations(
    series: pd.DataFrame, liquidated: list[int], rng: np.random.Generator
) -> pd.DataFrame:
    steps = int(series["step"].max()) + 1
    when = np.sort((steps // 3 + rng.exponential(steps / 60, len(liquidated))).astype(int))
    market = rng.choice(MARKETS, len(liquidated))
    mark = (
        series.set_index(["step", "market"])
        .loc[list(zip(when, market, strict=True)), "mark"]
        .to_numpy()
    )
    notional = rng.pareto(1.3, len(liquidated)) * 5e4 + 1e3
    frame = pd.DataFrame(
        {"event": np.arange(len(liquidated)), "step": when, "seconds": when * BLOCK}
    )
    frame = frame.assign(round=0, account=liquidated, market=market, kind="forced_order")
    frame = frame.assign(
        delay_seconds=rng.choice([0, 60, 120, 600], len(frame)), quantity=notional / mark
    )
    frame = frame.assign(
        notional=notional, mark=mark, slippage=notional * 0.004, penalty=notional * 0.01
    )
    by_adl = frame.index % 11 == 5
    frame.loc[by_adl, "kind"] = "adl"
    frame.loc[by_adl, "slippage"] *= -1
    return frame.assign(in_profit=notional * 0.1, equity=notional * 0.02, deficit=notional * 0.01)


def _events(liquidations: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n = len(liquidations)
    frame = liquidations[
        ["event", "step", "seconds", "round", "kind", "account", "market", "quantity"]
    ]
    frame = frame.rename(columns={"event": "id"})
    parent = np.array(
        [-1 if i < 3 or rng.uniform() < 0.3 else rng.integers(0, i) for i in range(n)]
    )
    frame = frame.assign(parent=parent.astype(np.int64), author_class="forced", other=-1)
    frame = frame.assign(
        price=liquidations["mark"] * 1.01, amount=liquidations["notional"], shift=-1.0
    )
    fund = frame.iloc[::4].assign(kind="insurance", amount=4e3, market="")
    fund = fund.assign(parent=fund["id"], id=np.arange(n, n + len(fund)))
    return pd.concat([frame, fund], ignore_index=True)


def _system(steps: int, liquidations: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    frame = pd.DataFrame({"step": np.arange(steps), "seconds": BLOCK * np.arange(steps)})
    by_step = liquidations.groupby("step")["notional"].sum().reindex(range(steps), fill_value=0.0)
    fund = events[events["kind"] == "insurance"].groupby("step")["amount"].sum()
    paid = fund.reindex(range(steps), fill_value=0.0).cumsum().to_numpy()
    frame = frame.assign(equity=1e8, insurance=4e5 - paid, backstop=1e6, bad_debt=paid * 1.1)
    frame = frame.assign(
        adl_notional=0.0, socialised=0.0, liquidated_notional=by_step.cumsum().to_numpy()
    )
    frame = frame.assign(liquidatable=0, bankrupt=0, rounds=1, messages=100, fills=20)
    stress = 1 / (1 + np.exp(-(np.arange(steps) - steps // 3) / (steps / 60)))
    for b in range(HEALTH_BINS):
        calm, tense = np.exp(-(((b - 8) / 1.5) ** 2)), np.exp(-(((b - 5) / 2.0) ** 2))
        frame[f"health_{b}"] = np.round(900 * (calm * (1 - stress) + tense * stress)).astype(int)
    return frame


def _summary(system: pd.DataFrame, liquidations: pd.DataFrame) -> dict[str, Any]:
    last = system.iloc[-1]
    return {
        "steps": len(system),
        "messages": 100 * len(system),
        "fills": 20 * len(system),
        "orders_rejected": 12,
        "liquidations": len(liquidations),
        "liquidated_accounts": liquidations["account"].nunique(),
        "liquidated_notional": float(liquidations["notional"].sum()),
        "bad_debt": float(last["bad_debt"]),
        "insurance_start": 4e5,
        "insurance_end": float(last["insurance"]),
        "adl_notional": 0.0,
        "socialised_loss": 0.0,
        "residuals": {"USD": 0, "BTC-PERP lots": 0},
    }


def synthetic_run(
    *, steps: int = 1440, n: int = 60, crash: bool = True, seed: int = 7
) -> SyntheticRun:
    """Make up a run of some steps with `n` accounts a population; without a crash nobody falls."""
    rng = np.random.default_rng(seed)
    series, accounts = _series(steps, rng, crash), _accounts(rng, n)
    people = accounts.loc[accounts["index"] >= 0, "account"].tolist()
    liquidated = [int(a) for a in rng.choice(people, 2 * n)] if crash else []
    liquidations = _liquidations(series, liquidated, rng)
    events = _events(liquidations, rng)
    system = _system(steps, liquidations, events)
    table = SimpleNamespace(block_seconds=BLOCK, steps=steps)
    scenario = SimpleNamespace(name="made-up", title="A <made-up> crash", story=STORY, run=table)
    scenario.sources = ("A source & its page",)
    summary = _summary(system, liquidations)
    contagion = Contagion(accounts, sorted(set(liquidated)), seed)
    return SyntheticRun(
        series, system, events, liquidations, accounts, summary, contagion, scenario, seed
    )
