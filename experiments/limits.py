"""How large a scenario may be: sums and products of whole units keep head-room in 64 bits."""

#: Largest sum of money that a scenario may hold, units.
LARGEST_SUM = 1 << 60
#: Largest value of one lot, units: sums are of thousands of them.
LARGEST_LOT = LARGEST_SUM // 1000
#: Ticks above the first price that a book must reach: a pump of this factor is no reason to stop.
HEADROOM = 24
