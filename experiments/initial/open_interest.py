"""A stated open interest, shared over populations, and the other side of what is unmatched.

Of a side whose shares are stated, every population holds its share: directional ones by scaling
what they draw, `balance` ones pro rata to wealth. Of a side without shares the directional
populations hold what they draw, all scaled alike so that the larger of such sides comes to the
stated open interest. What is then without another side is taken by the `balance` populations that
have no share of their own, pro rata to wealth. Whales are not scaled.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossmargin.experiments.initial.directions import Terms, first_price, most_leverage
from crossmargin.experiments.initial.drawing import Floats
from crossmargin.experiments.initial_tables import OpenInterest
from crossmargin.experiments.layout import Block
from crossmargin.experiments.schema import Scenario
from crossmargin.model.errors import ParameterError
from crossmargin.model.integers import split
from crossmargin.model.kernel import from_python
from crossmargin.model.state import State

SIDES = {1: "longs", -1: "shorts"}


@dataclass(eq=False)
class Holding:
    """What one population holds, as far as it is known.

    Attributes
    ----------
    wealth : (n,) float64, quote units
    lots : (n, n_markets) float64
    factor : (n, n_markets) float64, by which lots were scaled
    order : (n_markets,) float64, lots that a balancing population is told to hold
    is_closed : (n,) bool, accounts that are to hold nothing
    """

    block: Block
    terms: Terms
    wealth: Floats
    lots: Floats
    factor: Floats
    order: Floats
    is_closed: NDArray[np.bool_]

    @property
    def name(self) -> str:
        """Name of the population."""
        return self.block.population.name

    @property
    def is_balancing(self) -> bool:
        """Tell whether it takes the other side of what is open."""
        position = self.block.population.position
        return position is not None and position.side == "balance"

    def held(self, market: int, sign: int, *, whales: bool) -> float:
        """Lots on one side, of whales or of the others."""
        lots = self.lots[self.terms.is_whale == whales, market]
        return float(np.maximum(sign * lots, 0.0).sum())


def scale_to(state: State, row: OpenInterest, m: int, holdings: list[Holding]) -> None:
    """Scale positions in a market to its stated open interest; tell balancers what they hold.

    Raises
    ------
    ParameterError
        When shares and what populations draw contradict each other.
    """
    target = lots_wanted(state, row, m)
    holders = [h for h in holdings if m in h.block.markets]
    free = [sign for sign in SIDES if not getattr(row, SIDES[sign])]
    for sign in set(SIDES) - set(free):
        for holding in holders:
            _hold_share(row, m, holding, sign, target)
    factors = [f for sign in free if (f := _common_factor(row, m, holders, sign, target))]
    for sign in free:
        for holding in holders:
            if factors:
                _scale(holding, m, sign, min(factors))
    _check_complete(row, m, holders, target)


def lots_wanted(state: State, row: OpenInterest, m: int) -> float:
    """Open interest of a market, lots of one side."""
    return float(row.notional / (first_price(state, m) * state.ledger.markets["lot"][m]))


def _scale(holding: Holding, m: int, sign: int, factor: float) -> None:
    rows = (sign * holding.lots[:, m] > 0) & ~holding.terms.is_whale
    holding.lots[rows, m] *= factor
    holding.factor[rows, m] = factor


def _hold_share(row: OpenInterest, m: int, holding: Holding, sign: int, target: float) -> None:
    word = SIDES[sign]
    where = f"initial.open_interest.{row.market}.{word}"
    share = getattr(row, word).get(holding.name)
    drawn = holding.held(m, sign, whales=False)
    fixed = holding.held(m, sign, whales=True)
    if share is None:
        if drawn + fixed > 0:
            raise ParameterError(
                f"{where}: does not name population {holding.name}, which draws {word} there; "
                "give it a share, 0 for none"
            )
        return
    wanted = share * target - fixed
    if wanted < -1e-9 * target:
        raise ParameterError(
            f"{where}.{holding.name} = {share:g}: its whales alone hold {fixed / target:.3g}"
        )
    if drawn > 0:
        _scale(holding, m, sign, max(0.0, wanted) / drawn)
    elif holding.is_balancing:
        holding.order[m] += sign * wanted
    elif wanted > 1e-9 * target:
        raise ParameterError(
            f"{where}.{holding.name} = {share:g}: it draws no {word} there; give it a "
            'position.side that does, or "balance"'
        )


def _common_factor(
    row: OpenInterest, m: int, holders: list[Holding], sign: int, target: float
) -> float:
    """Factor that brings a side without shares to the open interest; 0 when nobody draws it."""
    drawn = sum(holding.held(m, sign, whales=False) for holding in holders)
    fixed = sum(holding.held(m, sign, whales=True) for holding in holders)
    if fixed > target * (1 + 1e-9):
        raise ParameterError(
            f"initial.open_interest.{row.market}.notional = {row.notional:g}: whales alone hold "
            f"{fixed / target:.3g} times as much on the side of the {SIDES[sign]}"
        )
    return (target - fixed) / drawn if drawn > 0 else 0.0


def _check_complete(row: OpenInterest, m: int, holders: list[Holding], target: float) -> None:
    """Refuse an open interest that neither side comes to."""
    found = {}
    for sign, word in SIDES.items():
        held = sum(h.held(m, sign, whales=True) + h.held(m, sign, whales=False) for h in holders)
        found[word] = held + sum(max(0.0, sign * h.order[m]) for h in holders)
    if max(found.values()) < target * (1 - 1e-6):
        parts = " and ".join(f"{word} to {held / target:.3g}" for word, held in found.items())
        raise ParameterError(
            f"initial.open_interest.{row.market}: {parts} of the stated {row.notional:g} find a "
            "holder; one side must be complete: raise its shares, or leave them out for a "
            "population that draws that side"
        )


def check_leverage(state: State, scenario: Scenario, holding: Holding) -> None:
    """Refuse a scaling of leverage beyond what a market allows."""
    for m in np.flatnonzero((holding.factor != 1.0).any(axis=0)):
        most = most_leverage(state, int(m))
        scaled = np.minimum(holding.terms.leverage, most) * holding.factor[:, m]
        if scaled.max() > most * (1 + 1e-9):
            raise ParameterError(
                f"initial.open_interest.{scenario.market[m].name}.notional: would take a leverage "
                f"of {scaled.max():.3g} in population {holding.name}, where {most:.3g} is allowed; "
                'lower it, raise wealth or count, or let initial.scale be "wealth"'
            )


def scaled_wealth(holding: Holding) -> Floats:
    """Wealth with which the leverage of every account is what it drew, quote units."""
    before = np.abs(holding.lots) / np.where(holding.factor > 0, holding.factor, 1.0)
    total = before.sum(axis=1)
    ratio = np.divide(
        np.abs(holding.lots).sum(axis=1), total, out=np.ones_like(total), where=total > 0
    )
    return np.floor(holding.wealth * ratio)


def balance(
    state: State, scenario: Scenario, holdings: list[Holding], lots: NDArray[np.int64], m: int
) -> None:
    """Let balancing populations hold what they are told, and take the other side of the rest."""
    rows = {row.market: row for row in (scenario.initial.open_interest if scenario.initial else ())}
    row = rows.get(scenario.market[m].name)
    named: set[str] = set() if row is None else {*row.longs, *row.shorts}
    for holding in holdings:
        if holding.order[m]:
            shared = _shared(round(holding.order[m]), _weights(state, [holding], len(lots), m))
            lots += shared
    takers = [h for h in holdings if h.is_balancing and h.name not in named]
    open_lots = int(lots.sum())
    weights = _weights(state, takers, len(lots), m)
    if open_lots and weights.any():
        lots -= _shared(open_lots, weights)
    elif open_lots and row is not None and abs(open_lots) <= len(lots):
        _trim(lots, holdings)  # what rounding to whole lots left
    elif open_lots:
        raise ParameterError(_unmatched(state, scenario, m, open_lots, row))


def _weights(state: State, takers: list[Holding], n_rows: int, m: int) -> NDArray[np.int64]:
    """Wealth of the rows that may take the other side in a market."""
    weights = np.zeros(n_rows, np.int64)
    for holding in takers:
        if m in holding.block.markets:
            own = state.ledger.accounts["only_market"][holding.block.rows]
            may = ((own < 0) | (own == m)) & (holding.terms.sign == 0) & ~holding.is_closed
            weights[holding.block.rows] = np.where(may, holding.wealth, 0) / 1e3
    return weights


def _shared(total: int, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    shares = np.zeros(len(weights), np.int64)
    if weights.any():
        from_python(split)(abs(total), weights, shares)
    return shares if total > 0 else -shares


def _trim(lots: NDArray[np.int64], holdings: list[Holding]) -> None:
    """Take single lots from the largest positions of the side that has more."""
    free = np.zeros(len(lots), bool)
    for holding in holdings:
        free[holding.block.rows] = ~holding.terms.is_whale
    sign = 1 if lots.sum() > 0 else -1
    for row in np.argsort(-sign * lots * free, kind="stable"):
        left = abs(int(lots.sum()))
        lots[row] -= sign * min(left, max(0, sign * int(lots[row])))
        if left == 0:
            return


def _unmatched(
    state: State, scenario: Scenario, m: int, open_lots: int, row: OpenInterest | None
) -> str:
    """Error that names what is left open, and where."""
    left = abs(open_lots) * float(state.ledger.markets["lot"][m])
    missing = SIDES[-1 if open_lots > 0 else 1]
    name = scenario.market[m].name
    where = "population" if row is None else f"initial.open_interest.{name}.{missing}"
    return (
        f"{where}: positions in {name} leave {left:g} ({left * first_price(state, m):.4g} "
        f"{scenario.asset[0].name}) without another side: {missing} are missing; give a population "
        'position.side = "balance" or match the sides'
    )
