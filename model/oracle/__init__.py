"""Oracles: from reports to the index price of a market, and what halts it."""
