r"""The push of the venue under other strengths of the feedback, from the flow of one solved run.

In a solved run accounts see the record, whatever the strength; their flow q is therefore the same
under every strength, and so is the answer to "what if outside markets were thinner": with base
bought :math:`q_t` in block t at the price :math:`P_t`, block length h,

.. math:: m_t = n\,e\,q_{t-1} P_{t-1} / V, \quad
          l_t = l_{t-1} + \pi m_t, \quad
          p_t = 2^{-h/H} p_{t-1} + (1 - \pi) m_t

as `model.reference.feedback.absorb` computes it, for n venues like this one.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crossmargin.experiments.endogenous.solve import Floats, Followed
from crossmargin.model.errors import ParameterError
from crossmargin.model.reference.feedback import Feedback


@dataclass(frozen=True)
class Strength:
    """How strongly flow moves the outside price.

    Attributes
    ----------
    elasticity : float, log price per daily volume bought
    daily_volume : float, quote a day
    permanent : float, share that does not decay
    half_life : float, s, of the rest
    venues : float, how many venues like this one the market of the record has
    """

    elasticity: float
    daily_volume: float
    permanent: float
    half_life: float
    venues: float = 1.0

    @classmethod
    def of(cls, table: Any) -> "Strength":
        """Strength that the path of a scenario states."""
        names = ("elasticity", "daily_volume", "permanent", "half_life")
        given = {name: table[name] for name in names if name in table}
        numbers = Feedback(**given)
        return cls(**{name: float(getattr(numbers, name)) for name in names})


#: What is not known about the strength, by name: field, the least and the most of it, whether
#: they are multiples of the value stated, and why so far.
UNKNOWN: dict[str, tuple[float, float, bool, str]] = {
    "elasticity": (0.5, 2.0, True, "Y of order 1, commonly 0.5 to 1: arXiv:1412.4503"),
    "permanent": (0.0, 0.5, False, "small for uninformed flow: arXiv:1412.4503; a default"),
    "half_life": (600.0, 7200.0, False, "minutes to hours; a default"),
}


def corners(strength: Strength) -> list[Strength]:
    """The strength itself, then every combination of the ends of what is not known about it."""
    found = [strength]
    for name, (low, high, is_multiple, _) in UNKNOWN.items():
        stated = getattr(strength, name) if is_multiple else 1.0
        ends = [low * stated, high * stated]
        found += [replace(other, **{name: end}) for other in found for end in ends]
    return found


def pushed(followed: Followed, strength: Strength) -> Floats:
    """(n,) float64, log price that the venue's flow adds under a strength.

    Raises
    ------
    ParameterError
        When the strength is no number that the model takes.
    """
    if not (strength.venues > 0 and np.isfinite(strength.venues)):
        raise ParameterError(f"venues = {strength.venues!r}: must be above 0")
    seconds = followed.run.scenario.run.block_seconds
    scale = strength.venues * strength.elasticity / strength.daily_volume
    moved = np.concatenate([[0.0], (scale * followed.flow * followed.price)[:-1]])
    kept = 0.5 ** (seconds / strength.half_life)
    passing, found = 0.0, np.zeros(len(moved))
    for t, move in enumerate(moved):
        passing = kept * passing + (1.0 - strength.permanent) * move
        found[t] = passing
    return found + strength.permanent * np.cumsum(moved)
