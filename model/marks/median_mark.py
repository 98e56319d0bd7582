"""Mark = median of three legs, half ticks.

1. index + moving average of (mid - index), 150 s
2. median of best bid, best ask and last trade
3. moving average of leg 2, 30 s

The venue that this formula is from takes perpetual prices of other exchanges as its third leg and
falls back on the average of its own book when it has none. Other exchanges' perpetuals are not
part of this model, so here the fallback is the rule.

References
----------
Hyperliquid docs, "Robust price indices".
"""

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import acts_on
from crossmargin.model.marks.legs import (
    Marks,
    book_price,
    middle,
    renew_basis,
    renew_book,
    set_mark,
)
from crossmargin.model.parts import number, slots


class Parameters(Marks):
    """How slowly its averages follow the book."""

    basis_constant: float = number(
        150.0, "s", above=0, source="Hyperliquid docs, robust price indices", doc="Of leg 1."
    )
    book_constant: float = number(
        30.0, "s", above=0, source="Hyperliquid docs, robust price indices", doc="Of leg 3."
    )


P = slots(Parameters)


@kernel
def _price(state, part, market):
    basis = renew_basis(state, part, market, state.params[part, P.basis_constant])
    smooth = renew_book(state, part, market, state.params[part, P.book_constant])
    price = book_price(state, market)
    return middle(basis, float(price), smooth) if price > 0 else basis


@kernel
def median_mark(state, part, step):
    """Renew the mark of every market of the part."""
    for m in range(state.ledger.markets.shape[0]):
        if acts_on(state, part, m):
            set_mark(state, part, m, _price(state, part, m))
    return 0


PHASE = "marks"
KERNEL = median_mark
