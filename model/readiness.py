"""The code of risk models is loaded where a ledger has one, and nowhere else."""

from crossmargin.model.state import Ledger


def make_ready_for(ledger: Ledger) -> None:
    """Compile, or load from the cache, what measures the accounts of a ledger with a risk model."""
    if ledger.risk.size:
        from crossmargin.model.margin.live_numbers import make_ready

        make_ready()
