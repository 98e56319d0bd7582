"""Unrealised profit that counts for entry and may not be withdrawn."""

from crossmargin.model.integers import to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import unrealised
from crossmargin.model.margin.layout import opened


@kernel
def locked_profit(ledger, row):
    """What of an account's credited profit the venue's risk model keeps in, quote units."""
    live = opened(ledger.risk)
    facts, total = live.facts[0], 0.0
    if facts.locked == 0.0:
        return 0
    for k in range(live.sources.perps.shape[0]):
        gain = max(0, unrealised(ledger, row, live.sources.perps[k])) / facts.one
        total += min(gain * live.risk.credit[k].initial, live.risk.credit[k].cap)
    return to_units_up(total * facts.locked * facts.one)
