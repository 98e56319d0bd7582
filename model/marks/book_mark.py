"""Mark = mid of the venue's own book, within a band around the index, half ticks."""

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import acts_on, index_of
from crossmargin.model.marks.legs import Marks, set_mark
from crossmargin.model.parts import number


class Parameters(Marks):
    """How far the book may take the mark."""

    band: float = number(
        0.1,
        "fraction of the index",
        low=0,
        high=1,
        source="Drift: mark and oracle may diverge by 10%",
        doc="The mark stays this near the index; 1 lets it free.",
    )


@kernel
def book_mark(state, part, step):
    """Renew the mark of every market of the part."""
    for m in range(state.ledger.markets.shape[0]):
        if acts_on(state, part, m):
            mid = state.book.ladders[m].mid
            set_mark(state, part, m, float(mid if mid > 0 else index_of(state, m)))
    return 0


PHASE = "marks"
KERNEL = book_mark
