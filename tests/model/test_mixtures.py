"""Mixtures of distributions, by agents and by notional."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from crossmargin.model.traits import (
    BY_NOTIONAL,
    MIXTURE,
    by_agents,
    checked,
    checked_leverage,
    draw,
    quantiles,
)

KEYS = np.arange(40_000, dtype=np.uint64)


def parts(*pairs: tuple[float, Any]) -> list[dict[str, Any]]:
    return [{"share": share, "of": of} for share, of in pairs]


def test_a_mixture_has_the_shares_of_its_parts_and_their_laws() -> None:
    mixture = checked({MIXTURE: parts((0.3, {"uniform": [0, 1]}), (0.7, {"uniform": [10, 20]}))})
    values = draw(mixture, 3, KEYS, 100)
    low = values[values < 5]
    assert abs(len(low) / len(values) - 0.3) < 4 * np.sqrt(0.21 / len(values))
    assert kstest(low, "uniform").pvalue > 1e-3
    assert kstest((values[values > 5] - 10) / 10, "uniform").pvalue > 1e-3


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.floats(1.0, 40.0), st.floats(1.0, 2.0)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=25, deadline=None)
def test_shares_by_notional_hold_after_weighting_by_notional(rows: list[Any]) -> None:
    total = sum(weight for weight, _, _ in rows)
    stated = [weight / total for weight, _, _ in rows]
    # parts are told apart by their range: part k lies within 100 k and 100 k + 99
    wanted = {
        BY_NOTIONAL: parts(
            *(
                (share, {"uniform": [100.0 * k + low, 100.0 * k + low * wide]})
                for k, (share, (_, low, wide)) in enumerate(zip(stated, rows, strict=True))
            )
        )
    }
    leverage = draw(by_agents(checked_leverage(wanted), 1e9), 5, KEYS, 101)
    wealth = draw({"lognormal": [1e4, 0.5]}, 5, KEYS, 100)
    notional = wealth * leverage
    for k, share in enumerate(stated):
        inside = (leverage >= 100 * k) & (leverage < 100 * (k + 1))
        assert notional[inside].sum() / notional.sum() == pytest.approx(share, abs=0.03)


def test_leverage_that_is_cut_counts_as_it_is_held() -> None:
    wanted = {BY_NOTIONAL: parts((0.5, 5.0), (0.5, {"pareto": [10.0, 1.5]}))}
    leverage = np.minimum(draw(by_agents(checked_leverage(wanted), 20.0), 1, KEYS, 101), 20.0)
    low = leverage[leverage < 7].sum() / leverage.sum()
    assert low == pytest.approx(0.5, abs=0.02)


def test_shares_by_agents_are_not_those_of_notional() -> None:
    mixed = checked({MIXTURE: parts((0.5, 1.0), (0.5, 19.0))})
    leverage = quantiles(mixed, np.linspace(0, 1, 1001)[:-1])
    assert leverage[leverage > 2].sum() / leverage.sum() == pytest.approx(0.95, abs=0.01)
    assert by_agents(mixed, 20.0) is mixed


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({MIXTURE: []}, "must be a list"),
        ({MIXTURE: [3.0]}, "keys share and of"),
        ({MIXTURE: parts((0.5, 1.0), (0.4, 2.0))}, "sum to 0.9"),
        ({MIXTURE: parts((1.5, 1.0))}, "from 0 to 1"),
        ({MIXTURE: parts((1.0, {"uniform": [2, 1]}))}, "mixture.0.of: uniform: low 2"),
        ({BY_NOTIONAL: parts((1.0, 1.0))}, "for the leverage of a position alone"),
    ],
)
def test_bad_mixtures_are_refused(value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked(value)


def test_a_part_without_leverage_can_hold_no_notional() -> None:
    with pytest.raises(ValueError, match="no leverage"):
        by_agents(checked_leverage({BY_NOTIONAL: parts((0.5, 0.0), (0.5, 2.0))}), 20.0)
