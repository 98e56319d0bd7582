"""Who caused whose losses: the price ledger, the transfer ledger, the cascade and the graph."""
