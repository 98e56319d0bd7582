"""Mark = index, half ticks: what lending markets and oracle-priced venues use (Aave, GMX)."""

from crossmargin.model.kernel import kernel
from crossmargin.model.markets import acts_on, index_of
from crossmargin.model.marks.legs import renew_lot
from crossmargin.model.pools import show_index

PHASE = "marks"


@kernel
def index_mark(state, part, step):
    """Renew the mark of every market of the part."""
    for m in range(state.ledger.markets.shape[0]):
        if acts_on(state, part, m):
            state.ledger.markets[m].mark = max(1, index_of(state, m))
            show_index(state, m)
            renew_lot(state, m)
    return 0


KERNEL = index_mark
