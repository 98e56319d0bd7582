"""The search for the smallest change, on functions whose threshold is known."""

import pytest

import crossmargin as xm
from crossmargin.experiments.counterfactual.stopping import Stop, search
from tests.experiments.rare.spiral import spiral


def found(ratio, present: float, share: float = 0.1) -> Stop:  # type: ignore[no-untyped-def]
    return search("venue.x", ratio, (0.0, 1.0), present, share, 0.001, "liquidated_notional")


@pytest.mark.parametrize("present", [0.0, 0.3, 0.9, 2.0])
def test_a_falling_outcome_is_stopped_at_its_threshold(present: float) -> None:
    stop = found(lambda x: max(0.0, 1.0 - 2.0 * x), present)  # 0.1 at 0.45
    assert stop.is_monotone
    if present < 0.45:
        assert stop.value == pytest.approx(0.45, abs=0.002)
        assert stop.value >= 0.45 - 1e-9
    else:
        assert stop.value == pytest.approx(min(present, 1.0), abs=0.11)
        assert stop.value >= 0.45


def test_a_rising_outcome_is_stopped_from_above() -> None:
    stop = found(lambda x: x, 0.95)
    assert stop.value == pytest.approx(0.1, abs=0.002)
    assert stop.value <= 0.1


def test_an_outcome_that_turns_is_said_to_turn() -> None:
    stop = found(lambda x: abs(x - 0.5) * 2, 0.95)
    assert not stop.is_monotone
    assert "not monotone" in stop.words
    assert stop.value == pytest.approx(0.55, abs=0.002)  # the nearer of 0.45 and 0.55


def test_nothing_that_stops_it_is_said() -> None:
    stop = found(lambda x: 1.0, 0.5)
    assert stop.value is None
    assert "no value" in stop.words


def test_maintenance_that_stops_a_spiral() -> None:
    key = "market.BTC-PERP.tiers.0.maintenance"
    options = {"share": 0.5, "futures": 2, "steps": 50}
    stop = xm.stop_cascade(spiral(-0.02), key, 0.002, 0.04, tolerance=0.2, **options)
    assert stop.present == pytest.approx(0.025)
    assert stop.value is not None
    assert stop.value < 0.025
    rows = stop.tried[stop.tried["value"] == stop.value]
    assert rows["share"].item() <= 0.5
    with pytest.raises(xm.ParameterError, match="low must lie below high"):
        xm.stop_cascade(spiral(), key, 0.5, 0.1)
