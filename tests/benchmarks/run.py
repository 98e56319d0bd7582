"""Run the benchmarks and write their figures: `python -m tests.benchmarks.run [book] [market]`."""

import sys

from tests.benchmarks import (
    book,
    margins,
    market,
    networks,
    pairs,
    rare,
    start,
    sweep_results,
    sweeps,
)
from tests.benchmarks.figures import Figure, write

GROUPS = {
    "book": book,
    "market": market,
    "start": start,
    "sweeps": sweeps,
    "results": sweep_results,
    "rare": rare,
    "pairs": pairs,
    "margins": margins,
    "networks": networks,
}


def main(names: list[str]) -> int:
    """Run some groups of benchmarks, all by default; 1 when a number is not reached."""
    found: list[Figure] = []
    for name in names or list(GROUPS):
        for figure in GROUPS[name].figures():
            mark = {True: "reached", False: "NOT REACHED", None: ""}[figure.is_reached]
            print(
                f"{figure.name:45} {figure.value:10,.4g} {figure.unit:18} {figure.target:8} {mark}",
                flush=True,
            )
            found.append(figure)
    print(f"written to {write(found)}")
    return int(any(figure.is_reached is False for figure in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
