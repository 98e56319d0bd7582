r"""Clearing vectors: what everybody pays when all debts fall due at once.

Firm i owes :math:`L_{ij}` to firm j and :math:`x_i` outside, holds :math:`e_i`, and pays its
creditors in proportion, :math:`\Pi_{ij} = L_{ij} / \bar p_i`. In full, :math:`\bar p_i`; in
default, what it has, of which a share is lost:

.. math:: p_i = \begin{cases} \bar p_i & e_i + \sum_j \Pi_{ji} p_j \ge \bar p_i \\
          \alpha e_i + \beta \sum_j \Pi_{ji} p_j & \text{otherwise} \end{cases}

With :math:`\alpha = \beta = 1` this is Eisenberg and Noe's vector, below that Rogers and Veraart's,
of which there may be several and the greatest is found. External debts rank with the others (pari
passu: :math:`\bar p_i = \sum_j L_{ij} + x_i`) or before them (senior: :math:`e_i - x_i` in place of
:math:`e_i`, and nobody pays less than nothing). The two conventions give different payments on the
same data.

Fictitious default: all pay in full; who then cannot is in default, wave 0; payments are solved for
with these in default; who then cannot is in default, wave 1; until nobody joins. Within a wave the
default costs count in full whether the resources are above or below the senior debt.

References
----------
Eisenberg, L. and Noe, T. H. (2001), "Systemic risk in financial systems", Management Science
47:236. https://doi.org/10.1287/mnsc.47.2.236.9835. Rogers, L. C. G. and Veraart, L. A. M. (2013),
"Failure and rescue in an interbank network", Management Science 59:882.
https://doi.org/10.1287/mnsc.1120.1569
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from crossmargin.model.errors import ConvergenceError
from crossmargin.model.kernel import kernel
from crossmargin.model.networks.checks import (
    Floats,
    Integers,
    array_of,
    check_range,
    choice_of,
    fraction_of,
    network_of,
)
from crossmargin.model.networks.residual import BLOCK, MOST_BLOCKS, is_settled

#: Relative to what a firm owes: a gap below it is rounding, not default.
ROUNDING = 1e-12
#: Firms in default up to which a wave is solved directly.
DIRECT = 400


class Clearing(NamedTuple):
    """What is paid when all debts fall due.

    Attributes
    ----------
    payments : (n,) float64, paid on debts that rank together: those to other firms and, pari passu,
        external ones
    external : (n,) float64, paid to external creditors
    equity : (n,) float64, resources less all debts; below 0 what creditors lack, default costs left
        out
    waves : (n,) int64, round of fictitious default in which a firm defaults, -1 for never
    """

    payments: Floats
    external: Floats
    equity: Floats
    waves: Integers

    @property
    def defaults(self) -> Any:
        """Who is in default, (n,) bool."""
        return self.waves >= 0


class _Debts(NamedTuple):
    """Network seen from those who are paid: row i has what each debtor hands to i."""

    shares: Any  # (n, n) sparse, share of the payments of the column
    owed: Floats  # (n,), in full
    held: Floats  # (n,), endowment, senior debts paid
    start: Floats  # (n,), the same in default


def clearing_vector(
    liabilities: Any,
    endowment: Any,
    external: Any = None,
    seniority: Literal["pari passu", "senior"] = "pari passu",
    alpha: float = 1.0,
    beta: float = 1.0,
) -> Clearing:
    """Greatest clearing vector of a network of debts, in their unit of money.

    Parameters
    ----------
    liabilities : (n, n) array or scipy.sparse matrix
        What the firm of a row owes to that of a column, 0 or more.
    endowment : (n,) array
        What each holds besides claims on others, 0 or more.
    external : (n,) array, optional
        What each owes outside the network; nothing by default.
    seniority : {"pari passu", "senior"}
        Rank of external debts.
    alpha, beta : float
        Shares of the endowment and of what others pay that are left in default, 0 to 1.

    Returns
    -------
    Clearing

    Raises
    ------
    ParameterError
        With the argument, when an array has a wrong shape or a negative number.
    ConvergenceError
        When payments in a large group of defaults do not settle.

    Examples
    --------
    >>> ring = [[0, 4, 0], [0, 0, 3], [2, 0, 0]]
    >>> clearing_vector(ring, [18, 18, 9], [17, 18, 8], "senior").payments.tolist()
    [3.0, 3.0, 2.0]
    """
    network = network_of("liabilities", liabilities)
    n = network.shape[0]
    held = array_of("endowment", endowment, (n,))
    check_range("endowment", held, 0.0)
    outside = np.zeros(n) if external is None else array_of("external", external, (n,))
    check_range("external", outside, 0.0)
    is_senior = choice_of("seniority", seniority, ("pari passu", "senior")) == "senior"
    alpha, beta = fraction_of("alpha", alpha), fraction_of("beta", beta)
    owed = network.sum(axis=1) + (0.0 if is_senior else outside)
    before = outside if is_senior else np.zeros(n)
    shares = _shares(network, owed)
    debts = _Debts(shares, owed, held - before, alpha * held - before)
    payments, waves = _fictitious_default(debts, beta)
    income = shares @ payments
    available = np.where(waves < 0, held + income, alpha * held + beta * income)
    senior = np.minimum(outside, np.maximum(available, 0.0))
    of_outside = np.divide(outside, owed, out=np.zeros(n), where=owed > 0)
    paid = senior if is_senior else payments * of_outside
    return Clearing(payments, paid, held - before + income - owed, waves)


def _shares(network: Any, owed: Floats) -> Any:
    """Share of the payments of each debtor (column) that a creditor (row) gets, sparse by rows."""
    from scipy import sparse

    scale = np.divide(1.0, owed, out=np.zeros(len(owed)), where=owed > 0)
    return sparse.csr_array((sparse.diags_array(scale) @ network).T)


def _fictitious_default(debts: _Debts, beta: float) -> tuple[Floats, Integers]:
    """Payments and the wave in which each firm defaults."""
    payments = debts.owed.copy()
    waves = np.full(len(payments), -1, np.int64)
    slack = ROUNDING * np.maximum(debts.owed, np.abs(debts.held))
    for wave in range(len(payments)):
        gap = debts.owed - debts.held - debts.shares @ payments
        joining = (waves < 0) & (gap > slack)
        if not joining.any():
            break
        waves[joining] = wave
        payments = _solved(debts, beta, payments, waves >= 0)
    return payments, waves


def _solved(debts: _Debts, beta: float, payments: Floats, failed: Any) -> Floats:
    """Payments with some firms in default, none below zero and all others in full."""
    rows = np.flatnonzero(failed)
    inside = debts.shares[rows]
    full = np.where(failed, 0.0, debts.owed)
    start = debts.start[rows] + beta * (inside @ full)
    matrix = beta * inside[:, rows].tocsr()
    found = _solved_directly(matrix, start, payments[rows]) if len(rows) <= DIRECT else None
    if found is None:
        found = _solved_in_turns(matrix, start, payments[rows])
    full[rows] = np.minimum(found, debts.owed[rows])
    return full


def _solved_directly(matrix: Any, start: Floats, first: Floats) -> Floats | None:
    """Least p with p >= 0 and p >= start + matrix p; None where the matrix is singular.

    Policy iteration: whoever would pay less than nothing is held at nothing, and asked again.
    Payments only fall from wave to wave, so a solution above the last one is none.
    """
    dense, n = matrix.toarray(), len(start)
    held, near = np.zeros(n, bool), 1e-9 * max(1e-300, float(first.max(initial=0.0)))
    for _turn in range(n + 1):
        system = np.eye(n) - np.where(held[:, None], 0.0, dense)
        try:
            found = np.linalg.solve(system, np.where(held, 0.0, start))
        except np.linalg.LinAlgError:
            return None
        resources = start + dense @ found
        if ((resources < 0) == held).all():
            wrong = (np.abs(found - np.maximum(resources, 0.0)) > near) | (found > first + near)
            return None if wrong.any() else np.maximum(found, 0.0)
        held = resources < 0
    return None


def _solved_in_turns(matrix: Any, start: Floats, first: Floats) -> Floats:
    """The same from above, firm by firm: payments only fall until they clear."""
    payments = first.copy()
    columns, starts = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    steps = np.zeros(2)
    scale = float(payments.sum()) or 1.0
    if not pay_in_turns((starts, columns, matrix.data), start, payments, steps, scale):
        raise ConvergenceError(
            f"liabilities: payments of {len(start)} firms in default did not settle in "
            f"{BLOCK * MOST_BLOCKS} turns; {steps[1]:.3g} of {scale:.3g} moved in the last {BLOCK}"
        )
    return payments


@kernel(python=True)
def pay_in_turns(matrix, start, payments, steps, scale):
    """Lower payments to what each firm has until what is left to fall is lost in rounding."""
    starts, columns, values = matrix
    for _block in range(MOST_BLOCKS):
        steps[0], steps[1] = steps[1], 0.0
        for _turn in range(BLOCK):
            for i in range(payments.shape[0]):
                due = start[i]
                for k in range(starts[i], starts[i + 1]):
                    due += values[k] * payments[columns[k]]
                due = max(0.0, min(due, payments[i]))
                steps[1] += payments[i] - due
                payments[i] = due
        if is_settled(steps[0], steps[1], scale):
            return True
    return False
