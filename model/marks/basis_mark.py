"""Mark = index + moving average of (mid - index), half ticks.

References
----------
Derive docs: mark of perpetuals is the index plus a 30 s average of the basis.
"""

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import acts_on
from crossmargin.model.marks.legs import Marks, renew_basis, set_mark
from crossmargin.model.parts import number, slots


class Parameters(Marks):
    """How slowly the mark follows the book."""

    time_constant: float = number(
        30.0, "s", above=0, source="Derive and Deribit: 30 s", doc="Of the average of the basis."
    )


P = slots(Parameters)


@kernel
def basis_mark(state, part, step):
    """Renew the mark of every market of the part."""
    for m in range(state.ledger.markets.shape[0]):
        if acts_on(state, part, m):
            value = renew_basis(state, part, m, state.params[part, P.time_constant])
            set_mark(state, part, m, value)
    return 0


PHASE = "marks"
KERNEL = basis_mark
