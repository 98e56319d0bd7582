"""Contagion of one market so far: the graph, the cascade, who spread most and who lost most."""

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from crossmargin.model.contagion.flows import Ledgers, Totals, totals
from crossmargin.model.contagion.graph import contagion_graph
from crossmargin.model.contagion.levels import account_level
from crossmargin.model.contagion.price_ledger import PriceLedger
from crossmargin.model.contagion.transfer_ledger import TransferLedger
from crossmargin.model.contagion.trigger import cascade
from crossmargin.model.state import EVENTS, Array
from crossmargin.model.world import World


class Contagion:
    """Who caused whose losses in a market, from its log as it stands when this is made.

    Parameters
    ----------
    world : World
        A market that ran. The tables of a saved run do not hold the trades of stressed blocks,
        so a run that was loaded from disk has to be run again first.

    Examples
    --------
    >>> from crossmargin import simulate
    >>> graph = simulate("flash-crash", steps=200).contagion.graph("population")  # doctest: +SKIP
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.price = PriceLedger.of(world)
        self.transfer = TransferLedger.of(world)
        self._ledgers = Ledgers(self.price, self.transfer)
        self._unit = 10.0 ** -int(world.state.ledger.assets["decimals"][0])

    def graph(self, level: str = "account", *, top: int | None = None, gains: bool = False) -> Any:
        """Losses as a directed graph from whoever was liquidated to whoever lost by it, quote.

        Parameters
        ----------
        level : {"account", "owner", "population"}
        top : int, optional
            Accounts or owners that get a node of their own, by what they caused and suffered; all
            others share the node "others", so that sums stay what they are. None: everyone, as
            long as sources times holders stay below 250,000.
        gains : bool
            Also edges without a loss, for those who only gained.

        Returns
        -------
        networkx.DiGraph
            `graph.graph` has `unit`, `level` and `folded`, how many share the node "others"; for
            nodes and edges see `crossmargin.model.contagion.graph`.
        """
        return contagion_graph(self._world, self._ledgers, level, top=top, gains=gains)

    def cascade(self) -> pd.DataFrame:
        """Episodes of liquidation with generation and root; `notional` in quote."""
        world = self._world
        table = cascade(world.rows("events"), world.rows("liquidations"))
        return table.assign(notional=table["notional"] * self._unit)

    def transfers(self) -> pd.DataFrame:
        """Entries of the transfer ledger: event, kind, source, payer, receiver, amount in quote."""
        table = pd.DataFrame(self.transfer.entries).sort_values("event", ignore_index=True)
        kinds = [EVENTS[kind] for kind in table["kind"]]
        return table.assign(kind=kinds, amount=table["amount"] * self._unit)

    def spreaders(self, n: int = 10) -> pd.DataFrame:
        """Accounts whose liquidation cost others most, quote.

        Columns: `account` (row), `label`, `population`, `caused`, `hit` (accounts that lost by
        it), `own` (what it cost the account itself), `liquidations`.
        """
        found = self._totals
        rows = _largest(found.caused, n)
        columns = {
            "caused": found.caused[rows] * self._unit,
            "hit": found.hit[rows],
            "own": -found.own[rows] * self._unit,
            "liquidations": self._world.state.ledger.accounts["liquidations"][rows],
        }
        return self._named(rows, columns)

    def losers(self, n: int = 10) -> pd.DataFrame:
        """Accounts that lost most by the liquidation of others, quote.

        Columns: `account` (row), `label`, `population`, `suffered` = `price` + `transfer`,
        `gained`, `worst` (label of the account whose liquidation cost it most).
        """
        found = self._totals
        rows = _largest(found.suffered, n)
        columns = {
            "suffered": found.suffered[rows] * self._unit,
            "price": found.price[rows] * self._unit,
            "transfer": found.transfer[rows] * self._unit,
            "gained": found.gained[rows] * self._unit,
            "worst": [self._level.attributes[w]["label"] for w in found.worst[rows].tolist()],
        }
        return self._named(rows, columns)

    @cached_property
    def _level(self) -> Any:
        return account_level(self._world)

    @cached_property
    def _totals(self) -> Totals:
        return totals(self._ledgers, self._level)

    def _named(self, rows: Array, columns: dict[str, Any]) -> pd.DataFrame:
        attributes = [self._level.attributes[row] for row in rows.tolist()]
        names = {key: [a[key] for a in attributes] for key in ("label", "population")}
        return pd.DataFrame({"account": rows, **names, **columns})


def _largest(values: Array, n: int) -> Array:
    """Places of the n largest positive values, largest first."""
    order = np.argsort(-values, kind="stable")[:n]
    return order[values[order] > 0]
