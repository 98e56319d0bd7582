"""The exceptions of the package: one root, leaves that mean something.

A message says what is wrong, where (file and key), the value, what is allowed and the likely
fix. Input is checked at the edge; kernels never raise, they leave a code in a `Fault` record.
"""


class CrossmarginError(Exception):
    """Root of every error that this package raises on purpose."""


class ScenarioError(CrossmarginError):
    """A scenario, a data file or an output folder cannot be used as given."""


class ParameterError(ScenarioError):
    """A value lies outside what the schema allows, or its key does not exist."""


class StateError(CrossmarginError):
    """The market cannot go on from its state: a pool is full, a number too large."""


class ConservationError(CrossmarginError):
    """A residual of the books is not zero: something was created or lost."""


class ConvergenceError(CrossmarginError):
    """An iteration did not settle within its bound."""
