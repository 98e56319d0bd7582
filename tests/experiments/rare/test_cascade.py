"""The law of Borel, and cascades that follow it."""

import numpy as np
import pytest
from scipy.stats import chisquare

import crossmargin as xm
from crossmargin.experiments.rare.cascade import Cascade
from crossmargin.experiments.rare.draws import source_of
from crossmargin.experiments.rare.particles import RowPopulation
from crossmargin.model.networks import borel_pmf as borel
from crossmargin.model.networks import borel_tail


def sizes(draws: str, n: int = 4000) -> np.ndarray:
    cascade = Cascade(0.7, 12)
    population = RowPopulation(cascade, source_of(draws, np.random.default_rng(5), 1), np.inf)
    population.begin(n)
    population.advance(np.inf)
    return population.state.processed


def test_cascades_follow_the_law() -> None:
    observed = np.bincount(sizes("independent"), minlength=13)[1:]
    expected = np.array([*(borel(k, 0.7) for k in range(1, 12)), borel_tail(12, 0.7)])
    assert chisquare(observed, expected / expected.sum() * 4000).pvalue > 1e-3


def test_stratified_cascades_follow_it_more_closely() -> None:
    expected = np.array([borel(k, 0.7) for k in range(1, 12)])
    errors = [
        np.abs(np.bincount(sizes(draws), minlength=13)[1:12] / 4000 - expected).sum()
        for draws in ("independent", "stratified")
    ]
    assert errors[1] < errors[0]


def test_the_score_is_a_martingale() -> None:
    cascade, n = Cascade(0.7, 1000), 200_000
    state = cascade.start(n, np.zeros((n, 1)))
    rows = np.arange(n)
    before = cascade.score(state, rows).mean()
    cascade.step(state, rows, np.random.default_rng(1).random((n, 1)))
    after = cascade.score(state, rows)
    assert before == pytest.approx(1 / 0.3)
    assert abs(after.mean() - before) < 4 * after.std() / np.sqrt(n)


def test_a_supercritical_cascade_is_refused() -> None:
    with pytest.raises(xm.ParameterError, match="reproduction"):
        Cascade(1.0, 10)
