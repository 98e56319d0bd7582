"""Orders that rest in the books before the first block."""

import numpy as np

from crossmargin.model.book import renew_mid, rest
from crossmargin.model.kernel import kernel
from crossmargin.model.trading import SLOTS


@kernel(python=True)
def lay(book, handles, orders):
    """Let orders rest that meet nobody; returns how many did, fewer when the pool is full.

    Nothing is checked and nothing trades. Their handles go to the places that `slot` names.
    """
    for i in range(orders.shape[0]):
        order = orders[i]
        book.pool[0].next_id += 1
        slot = rest(book, order, order.quantity)
        if slot < 0:
            return i
        handles[order.slot - 1] = book.pool[0].next_id * SLOTS + slot
        renew_mid(book, np.int64(order.market))
    return orders.shape[0]
