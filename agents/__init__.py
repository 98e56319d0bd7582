"""Who acts: traders, market makers, arbitrageurs, keepers, oracle reporters."""
