"""What one run of a mode comes to: the outcomes by which modes are compared."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.modes.shadow import shadow
from crossmargin.experiments.modes.witness import Witnessed, quote
from crossmargin.model.state import SPOT

#: Outcome -> unit and meaning, in the order in which they are shown.
OUTCOMES = {
    "premature_liquidations": (
        "accounts",
        "liquidated, though alone they would have stayed solvent for the hours asked and then been "
        "above maintenance",
    ),
    "premature_share": ("fraction", "of the liquidated accounts that could be judged"),
    "premature_owners": (
        "owners",
        "of whom an account was liquidated, though all they had would have survived as one account",
    ),
    "solvent_liquidations": (
        "accounts",
        "liquidated, though alone they would never have owed anything in those hours",
    ),
    "liquidated_accounts": ("accounts", "with at least one forced order"),
    "liquidated_owners": ("owners", "with at least one forced order"),
    "profitable_legs": ("positions", "closed by force while in profit"),
    "profitable_notional": ("quote", "closed by force while in profit"),
    "simultaneous": (
        "probability",
        "that an owner of several positions has two or more hit within the window",
    ),
    "largest_wave": (
        "fraction",
        "of accounts with positions that are first liquidated within one window, at most",
    ),
    "liquidated_notional": ("quote", "closed by force"),
    "bad_debt": ("quote", "owed by emptied accounts"),
    "adl_notional": ("quote", "taken from counterparties"),
    "socialised_loss": ("quote", "shared among accounts"),
    "tail_measure": ("fraction", "bad debt over gross notional at the start"),
    "gross_notional": ("quote", "of all positions at the start"),
    "raw_equity": ("quote", "of their owners at the start, idle balances included"),
    "efficiency": ("multiple", "gross notional over raw equity at the start"),
    "topped_up": ("quote", "moved from what owners keep apart"),
}


def outcomes_of(run: Any, seen: Witnessed, hours: float, window: float) -> dict[str, float]:
    """Outcomes of a run that has been watched.

    Parameters
    ----------
    run : Run
    hours : float
        For which a shadow valuation leaves books alone.
    window : float
        Seconds within which liquidations count as simultaneous.
    """
    world, block = run.world, run.scenario.run.block_seconds
    summary = run.summary
    found = {**_survival(run, seen, max(1, round(hours * 3600 / block)))}
    found |= _legs(run, seen, window)
    found["liquidated_accounts"] = float(len(seen.accounts.row))
    found["liquidated_owners"] = float(len(seen.owners.row))
    found["largest_wave"] = _wave(seen.accounts.step * block, window) / max(1, len(seen.holders))
    for name in ("liquidated_notional", "bad_debt", "adl_notional", "socialised_loss"):
        found[name] = float(summary[name])
    found["gross_notional"] = quote(world, seen.gross)
    found["raw_equity"] = quote(world, seen.equity)
    found["tail_measure"] = _ratio(found["bad_debt"], found["gross_notional"])
    found["efficiency"] = _ratio(seen.gross, seen.equity)
    events = run.events
    found["topped_up"] = float(events["amount"][events["kind"] == "top_up"].sum())
    return {name: found[name] for name in OUTCOMES}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _survival(run: Any, seen: Witnessed, blocks: int) -> dict[str, float]:
    world = run.world
    marks = world.rows("market_rows")["mark"].astype(np.int64)
    alone = shadow(world, seen.accounts, marks, blocks)
    together = shadow(world, seen.owners, marks, blocks)
    survived = float(alone.survived.sum())
    return {
        "premature_liquidations": survived,
        "premature_share": _ratio(survived, float(alone.judged.sum())),
        "premature_owners": float(together.survived.sum()),
        "solvent_liquidations": float((alone.judged & alone.solvent).sum()),
    }


def _legs(run: Any, seen: Witnessed, window: float) -> dict[str, float]:
    """Positions closed by force: those in profit, and those of one owner close together."""
    rows = run.world.rows("liquidations")
    accounts, markets = run.world.state.ledger.accounts, run.world.state.ledger.markets
    rows = rows[(accounts["population"][rows["account"]] >= 0) & (rows["market"] >= 0)]
    rows = rows[markets["kind"][rows["market"]] != SPOT]
    gained = rows[rows["in_profit"] > 0]
    legs = {(int(r["account"]), int(r["market"])) for r in gained}
    several = set(seen.several.tolist())
    hit = _together(
        accounts["owner"][rows["account"]], rows, run.scenario.run.block_seconds, window
    )
    return {
        "profitable_legs": float(len(legs)),
        "profitable_notional": quote(run.world, float(gained["in_profit"].astype(float).sum())),
        "simultaneous": _ratio(float(len(hit & several)), float(len(several))),
    }


def _together(owners: NDArray[Any], rows: NDArray[Any], block: float, window: float) -> set[int]:
    """Owners with forced closings in two markets no further apart than the window."""
    found: set[int] = set()
    order = np.lexsort((rows["step"], owners))
    owner, market = owners[order], rows["market"][order]
    seconds = rows["step"][order] * block
    last: dict[tuple[int, int], float] = {}
    for o, m, t in zip(owner.tolist(), market.tolist(), seconds.tolist(), strict=True):
        others = [when for (who, where), when in last.items() if who == o and where != m]
        if any(t - when <= window for when in others):
            found.add(o)
        last = {key: when for key, when in last.items() if key[0] == o}
        last[o, m] = t
    return found


def _wave(seconds: NDArray[Any], window: float) -> float:
    """Most of some moments that lie within one window."""
    ordered = np.sort(seconds)
    ends = np.searchsorted(ordered, ordered + window, side="right")
    return float((ends - np.arange(len(ordered))).max(initial=0))
