"""Thinned series keep their ends and their extremes."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from crossmargin.dashboards.figures.thin import every, kept_points, thin


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400), st.integers(4, 60))
def test_ends_and_extremes_stay(values: list[float], points: int) -> None:
    series = pd.Series(values)
    kept = kept_points(series, points)
    assert len(kept) <= points
    assert {0, len(values) - 1} <= set(kept.tolist())
    assert series.iloc[kept].min() == series.min()
    assert series.iloc[kept].max() == series.max()
    assert (np.diff(kept) > 0).all()


def test_a_spike_of_one_step_is_seen_among_missing_values() -> None:
    values = np.full(100_000, np.nan)
    values[54_321] = 7.0
    frame = pd.DataFrame({"value": values})
    assert thin(frame, "value", 100)["value"].max() == 7.0


def test_every_keeps_the_last_row() -> None:
    frame = pd.DataFrame({"value": range(1000)})
    assert every(frame, 10)["value"].tolist()[0] == 0
    assert every(frame, 10)["value"].tolist()[-1] == 999
    assert len(every(frame, 10)) == 10
