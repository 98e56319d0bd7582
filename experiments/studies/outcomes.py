"""Outcomes that the ready studies add to the summary of a run: who lost, and where."""

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from crossmargin.experiments.run import Run


def _owners(run: "Run", population: str) -> pd.DataFrame:
    """Accounts of a population summed over the rows of each owner."""
    rows = run.accounts[run.accounts["population"] == population]
    return rows.groupby("owner")[["equity_start", "equity", "liquidations"]].sum()


def _loss(owners: pd.DataFrame) -> float:
    """Loss of owners as a share of what they had; below zero for a gain."""
    before = float(owners["equity_start"].sum())
    return float((owners["equity_start"] - owners["equity"]).sum()) / before if before else 0.0


def spill_over(run: "Run") -> dict[str, float]:
    """Tell what the crowd lost, and what was sold by force in the market that nothing happened to.

    Returns
    -------
    dict of str to float
        `owners_liquidated` and `loss`, shares of the owners called `longs` and of their wealth;
        `sold_elsewhere`, forced sales in the last market over the open interest of that market.
    """
    owners = _owners(run, "longs")
    other = run.scenario.market[-1].name
    sold = run.liquidations.loc[run.liquidations["market"] == other, "quantity"].abs().sum()
    first = run.summary["markets"][other]["open_interest_first"]
    return {
        "owners_liquidated": float((owners["liquidations"] > 0).mean()),
        "loss": _loss(owners),
        "sold_elsewhere": float(sold) / first if first else 0.0,
    }


def who_paid(run: "Run") -> dict[str, float]:
    """Tell what longs, makers and keepers lost.

    Returns
    -------
    dict of str to float
        `loss_of_longs`, share of their wealth; `loss_of_makers` and `loss_of_keepers`, quote.
    """
    lost = {}
    for name in ("makers", "keepers"):
        owners = _owners(run, name)
        lost[f"loss_of_{name}"] = float((owners["equity_start"] - owners["equity"]).sum())
    return {"loss_of_longs": _loss(_owners(run, "longs")), **lost}


def cascade(run: "Run") -> dict[str, float]:
    """Size of a cascade in shares, so that crowds of any number can be compared.

    Returns
    -------
    dict of str to float
        `liquidated`, `deleveraged` and `bad_debt_share`, notional closed by force, notional closed
        by auto-deleveraging and bad debt over the open interest of all perpetuals at the start, at
        the first marks; `accounts_liquidated`, share of the accounts of leveraged longs.
    """
    markets = run.summary["markets"].values()
    opened = sum(market["open_interest_first"] * market["first"] for market in markets)
    longs = run.accounts[run.accounts["population"] == "longs"]
    found = {
        "liquidated": run.summary["liquidated_notional"],
        "deleveraged": run.summary["adl_notional"],
        "bad_debt_share": run.summary["bad_debt"],
    }
    shares = {name: value / opened if opened else 0.0 for name, value in found.items()}
    return shares | {"accounts_liquidated": float((longs["liquidations"] > 0).mean())}
