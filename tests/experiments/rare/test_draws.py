"""Uniforms for particles: each alone uniform, together even."""

import numpy as np
import pytest
from scipy.stats import kstest

import crossmargin as xm
from crossmargin.experiments.rare.draws import source_of


@pytest.mark.parametrize("kind", ["independent", "stratified"])
def test_each_draw_alone_is_uniform(kind: str) -> None:
    source = source_of(kind, np.random.default_rng(3), 2)
    scores = np.array([5.0, 1.0, 3.0])
    drawn = np.array([source.draw(scores) for _ in range(3000)])
    assert drawn.shape == (3000, 3, 2)
    assert 0 <= drawn.min() <= drawn.max() < 1
    for particle in range(3):
        for draw in range(2):
            assert kstest(drawn[:, particle, draw], "uniform").pvalue > 1e-3


def test_stratified_draws_are_even_over_any_run_of_scores() -> None:
    source = source_of("stratified", np.random.default_rng(3), 1)
    scores = np.random.default_rng(4).random(512)
    lowest = np.argsort(scores)[:64]
    for _ in range(20):
        counts = np.histogram(source.draw(scores)[lowest, 0], bins=8, range=(0, 1))[0]
        assert counts.min() >= 6
        assert counts.max() <= 10


def test_draws_of_two_steps_are_independent() -> None:
    source = source_of("stratified", np.random.default_rng(3), 1)
    pairs = np.array([[source.draw(np.zeros(2))[0, 0] for _ in range(2)] for _ in range(4000)])
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 4 / np.sqrt(4000)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(xm.ParameterError, match="did you mean 'stratified'"):
        source_of("stratifed", np.random.default_rng(1), 1)
