"""Runs that the tests of dashboards share; nobody changes them."""

import pytest

from tests.dashboards.synthetic import SyntheticRun, synthetic_run


@pytest.fixture(scope="session")
def crash() -> SyntheticRun:
    return synthetic_run()


@pytest.fixture(scope="session")
def quiet() -> SyntheticRun:
    return synthetic_run(steps=50, n=5, crash=False)
