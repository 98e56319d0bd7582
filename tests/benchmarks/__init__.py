"""Benchmarks: `make bench`, or `python -m tests.benchmarks.run [book] [market] [start]`."""
