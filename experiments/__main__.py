"""`python -m crossmargin.experiments` is the command line."""

from crossmargin.experiments.cli import main

main()
