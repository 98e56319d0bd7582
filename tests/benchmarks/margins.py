"""Risk models on 100,000 accounts: scenarios, value at risk, fractions, Greeks; one core."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from crossmargin.experiments.build import build
from crossmargin.experiments.load import load_scenario
from crossmargin.model.margin.account import FRACTIONS, blank_risk, measure_accounts
from crossmargin.model.margin.arrays import COIN, PERPETUAL, Holdings, Terms, clear
from crossmargin.model.margin.credit import CREDIT, credit_profit
from crossmargin.model.margin.fractions import RATES, mark_plain
from crossmargin.model.margin.numbers import measure_all
from crossmargin.model.margin.scenario import UNIT, Grid, charge_scenarios
from crossmargin.model.margin.scenario_grid import (
    BASIS,
    SHOCK,
    VOLATILITY,
    columns_of,
    in_columns,
    value_scenarios,
)
from crossmargin.model.margin.span import CREDIT as SPREADS
from crossmargin.model.margin.standard_options import EXPIRY
from crossmargin.model.margin.value_at_risk import Measure, charge_risk, covariance_factor
from crossmargin.model.margin.weights import weigh_coins
from crossmargin.model.options.black76 import DAY
from crossmargin.model.options.series import SERIES, account_greeks, mark_series, series_greeks
from crossmargin.model.state import Array
from crossmargin.model.world import World
from tests.benchmarks.figures import Figure, seconds

ACCOUNTS = 100_000
#: Nine prices by three volatilities.
SPOTS, VOLS = np.linspace(-0.16, 0.16, 9), (1.0, 0.0, -1.0)


def terms_of(n_perps: int, n_series: int) -> Terms:
    """Cash, perpetuals each of an underlying of its own, series of the first two, four expiries."""
    spot = 1000.0 * (1 + np.arange(max(n_perps, 1)))
    coins, perps = np.zeros(1, COIN), np.zeros(n_perps, PERPETUAL)
    coins[["lot", "price", "low", "high", "initial", "maintenance"]] = (1.0,) * 6
    coins["underlying"] = -1
    perps["lot"], perps["price"], perps["underlying"] = 1.0, spot[:n_perps], np.arange(n_perps)
    series, k = np.zeros(n_series, SERIES), np.arange(n_series)
    series["underlying"] = k // max(n_series // 2, 1)
    series["expiry"] = k // max(n_series // 4, 1)
    series["forward"] = spot[series["underlying"]]
    series["strike"] = series["forward"] * (0.8 + 0.05 * (k % 10 // 2))
    series["kind"], series["lot"] = 1 - 2 * (k % 2), 1.0
    series["seconds"], series["volatility"] = (10 + 30 * (series["expiry"] % 2)) * DAY, 0.6
    mark_series(series)
    return Terms(coins, perps, series, spot)


def accounts(terms: Terms, with_options: float, n: int = ACCOUNTS) -> Holdings:
    """Whole lots of every perpetual; a share of the accounts holds every series."""
    rng = np.random.default_rng(1)
    n_perps, n_series = len(terms.perps), len(terms.series)
    perps = rng.integers(-5, 6, (n, n_perps))
    options = rng.integers(1, 4, (n, n_series)) * rng.choice([-1, 1], (n, n_series))
    options[int(with_options * n) :] = 0
    return Holdings(
        coins=rng.integers(0, 100_000, (n, 1)),
        perps=perps,
        cost=perps * terms.perps["price"],
        bids=np.zeros((n, n_perps), np.int64),
        asks=np.zeros((n, n_perps), np.int64),
        options=options[rng.permutation(n)],
    )


def grid_of(terms: Terms) -> Grid:
    """27 scenarios with contingencies, discounts and basis; empty places for the values."""
    n, n_units = 27, len(terms.spot)
    units, expiries = np.zeros(n_units, UNIT), np.zeros(4, EXPIRY)
    units["initial_factor"], units["maintenance_factor"] = 1.3, 1.0
    units["perpetual_charge"], units["option_charge"] = 0.02, 0.01
    for e, row in enumerate(expiries):
        own = np.flatnonzero(terms.series["expiry"] == e)
        row["first"], row["count"] = own[0], len(own)
        row["underlying"] = terms.series["underlying"][own[0]]
    expiries["when_positive"], expiries["when_negative"] = 0.95, 1.0
    expiries["basis_weight"] = 0.25
    return Grid(
        units=units,
        expiries=expiries,
        values=np.zeros((len(terms.series), columns_of(n))),
        moves=in_columns(np.tile(np.repeat(SPOTS, 3), (n_units, 1))),
        damping=in_columns(np.ones((n_units, n))),
        deltas=np.zeros(len(terms.series)),
        steps=np.zeros((0, 2)),
        credits=np.zeros(0, SPREADS),
        work=np.zeros((2, columns_of(n))),
        risk=np.zeros((n_units, 2)),
    )


def best(action: Callable[[], Any]) -> float:
    """Milliseconds, the best of seven after one to warm up."""
    action()
    return 1e3 * min(seconds(action) for _ in range(7))


def scenario_step(with_options: float) -> float:
    """Milliseconds of one step of scenario margin with three perpetuals, forty series."""
    terms = terms_of(3, 40)
    held, grid, numbers = accounts(terms, with_options), grid_of(terms), np.zeros((ACCOUNTS, 5))
    shocks = np.zeros((len(terms.spot), 27), SHOCK)
    shocks["spot"], shocks["volatility"] = np.repeat(SPOTS, 3), np.tile(VOLS, 9)
    rules, basis = np.zeros(len(terms.spot), VOLATILITY), np.zeros(len(terms.spot), BASIS)
    rules[:], basis["shock"] = (0.5, 0.25, 0.3, 0.13, 1.0, 0.0, 0), 0.05
    credit = np.ones(3, CREDIT)

    def step() -> None:
        mark_series(terms.series)
        value_scenarios(terms.series, shocks, rules, basis, grid.values)
        clear(numbers)
        weigh_coins(held, terms, numbers)
        credit_profit(held, terms, credit, numbers)
        charge_scenarios(held, terms, grid, numbers)

    return best(step)


def fraction_step(n_tiers: int) -> float:
    """Milliseconds of one step of fractions on five markets."""
    terms = terms_of(5, 0)
    held, numbers, risk = accounts(terms, 0.0), np.zeros((ACCOUNTS, 5)), blank_risk(terms)
    rates = np.zeros((5, n_tiers), RATES)
    rates["lower"] = np.arange(n_tiers) * 2000.0
    rates["initial"], rates["maintenance"] = 0.05, 0.03
    risk, risk.switches[FRACTIONS] = risk._replace(rates=rates), 1
    mark_plain(risk.fractions)
    return best(lambda: measure_accounts(held, terms, risk, numbers))


def risk_step(n: int) -> float:
    """Milliseconds of one step of parametric value at risk on some instruments."""
    terms = terms_of(n, 0)
    held, numbers = accounts(terms, 0.0), np.zeros((ACCOUNTS, 5))
    covariance = 0.0016 * (0.6 + 0.4 * np.eye(n))
    measure = Measure(
        deltas=np.zeros(0),
        gammas=np.zeros(0),
        returns=np.zeros((0, n)),
        factors=covariance_factor(covariance, "")[None],
        options=np.array([2.33, 1.0, 0.0, 0.0]),
        work=np.zeros((2, n)),
        worst=np.zeros(1),
    )
    factors, credit = np.array([1.3, 1.0]), np.ones(n, CREDIT)

    def step() -> None:
        clear(numbers)
        weigh_coins(held, terms, numbers)
        credit_profit(held, terms, credit, numbers)
        charge_risk(held, terms, measure, factors, numbers)

    return best(step)


def live_steps() -> Iterator[Figure]:
    """Milliseconds of the margin phase of a running market with three perpetuals, by its model."""
    models = {
        "brackets": None,
        "scenario margin": {"scenario": {"default": {"spots": SPOTS.tolist(), "vols": VOLS}}},
    }
    for name, margin in models.items():
        world = live_world(margin)
        rows = int((world.state.ledger.accounts["population"] >= 0).sum())
        phase = best(lambda world=world: measure_all(world.state.ledger, world.state.book))
        yield Figure(f"margins of {rows:,} accounts live, {name}", phase, "ms a block")


def live_world(margin: dict[str, Any] | None) -> World:
    """Market of three perpetuals in which 10,000 accounts hold some of each."""
    names, prices = ("BTC", "ETH", "SOL"), (60000.0, 3000.0, 150.0)
    tiers = [{"initial": 0.05, "maintenance": 0.03}]
    table = {
        "name": "bench",
        "run": {"block_seconds": 10.0, "steps": 1},
        "asset": [{"name": "USDC"}],
        "underlying": [{"name": n, "price": p} for n, p in zip(names, prices, strict=True)],
        "market": [
            {
                "name": f"{name}-PERP",
                "underlying": name,
                "tick": price / 6000.0,
                "lot": 1.0,
                "tiers": tiers,
            }
            for name, price in zip(names, prices, strict=True)
        ],
        "population": [
            {
                "name": "traders",
                "kind": "chiarella_iori",
                "count": 10_000,
                "markets": [f"{name}-PERP" for name in names],
                "wealth": 1e5,
            }
        ],
        "venue": {"margin": margin} if margin else {},
    }
    world = build(load_scenario(table), 1)
    lots = world.state.ledger.lots[-10_000:]
    lots[:] = np.random.default_rng(1).integers(-5, 6, lots.shape)
    marks, units = (world.state.ledger.markets[k] for k in ("mark", "half_unit"))
    world.state.ledger.cost[-10_000:] = lots * marks * units
    return world


def greeks_step() -> float:
    """Milliseconds of the Greeks of all series and of all accounts."""
    terms = terms_of(2, 40)
    held, greeks = accounts(terms, 1.0).options, np.zeros((40, 5))
    out: Array = np.zeros((ACCOUNTS, 2, 5))

    def step() -> None:
        series_greeks(terms.series, greeks)
        account_greeks(held, greeks, terms.series, out)

    return best(step)


def figures() -> Iterator[Figure]:
    """All figures of risk models."""
    ms = "ms a step"
    yield Figure("scenario margin, a tenth with options", scenario_step(0.1), ms, at_most=25)
    yield Figure("scenario margin, all with options", scenario_step(1.0), ms, at_most=60)
    yield Figure("parametric value at risk, 10 instruments", risk_step(10), ms, at_most=10)
    yield Figure("fixed fractions, 5 markets", fraction_step(1), ms, at_most=3)
    yield Figure("tiered fractions, 5 markets", fraction_step(4), ms, at_most=3)
    yield Figure("Greeks of 100,000 accounts, 40 series", greeks_step(), ms, at_most=15)
    yield from live_steps()
