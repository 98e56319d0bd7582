"""A venue's risk model in a running market: from tables to what the ledger carries."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crossmargin.experiments.margin.first_estimates import first_estimates
from crossmargin.experiments.margin.health import health_rules
from crossmargin.experiments.margin.market_desk import (
    MarketDesk,
    perpetuals,
    preset_of,
    uses_brackets,
)
from crossmargin.experiments.margin.own_model import number_of
from crossmargin.experiments.margin.parts import OF_OPTIONS, deltas_of, greeks_of
from crossmargin.experiments.margin.risk_measures import RiskPart
from crossmargin.experiments.margin.rules import (
    closing_rules,
    credit_rules,
    fraction_rules,
    greek_moves,
    liquidity_rules,
    netting_rules,
    short_rules,
    size_rules,
    skew_rules,
    wrong_way_rules,
)
from crossmargin.experiments.margin.scenarios import ScenarioPart, expiries_of
from crossmargin.experiments.margin.tables import Preset
from crossmargin.experiments.schema import MarketTable, Scenario, Tier
from crossmargin.model.errors import ParameterError
from crossmargin.model.kernel import from_python
from crossmargin.model.margin.account import PARTS, Risk, blank_risk
from crossmargin.model.margin.adaptive import limits_of, multiplier_at
from crossmargin.model.margin.arrays import Holdings, Terms
from crossmargin.model.margin.fractions import FRACTION, RATES, mark_plain, set_credits
from crossmargin.model.margin.layout import FACTS, Live, Sources, packed
from crossmargin.model.margin.live_numbers import make_ready
from crossmargin.model.margin.own_numbers import Own
from crossmargin.model.margin.weighted_health import PAIR, Resting
from crossmargin.model.state import Array, State

#: Parts under which positions offset, so that orders count by what is held if they fill.
OFFSETTING = (
    "scenario",
    "netting",
    "value_at_risk",
    "delta_gamma_vega",
    "closing_cost",
    "liquidity",
    "wrong_way",
)


def with_risk(state: State, scenario: Scenario, prices: Sequence[float]) -> State:
    """State whose ledger carries the risk model of a scenario.

    Raises
    ------
    ParameterError
        With the key, when the tables of the model contradict themselves.
    """
    options = getattr(state, "options", None)
    series = None if options is None else options.series
    live = live_risk(scenario, prices, len(state.ledger.accounts), series)
    if options is not None:
        live = live._replace(sources=live.sources._replace(series=options.markets.copy()))
    first = state.ledger.tiers[live.sources.perps, 0]
    live.estimates.rates[:] = np.column_stack([first["initial"], first["maintenance"]])
    make_ready()
    return state._replace(ledger=state.ledger._replace(risk=packed(live)))


def live_risk(
    scenario: Scenario, prices: Sequence[float], accounts: int, series: Array | None = None
) -> Live:
    """Arrays of the risk model of a scenario at the first prices of its underlyings.

    Parameters
    ----------
    accounts : int
        Rows of the ledger.
    series : (n_series,) SERIES, optional
        Of its option markets.
    """
    desk = MarketDesk(scenario, prices, preset_of(scenario), series)
    if len(desk.terms().series) and not any(
        getattr(desk.preset, n) is not None for n in OF_OPTIONS
    ):
        raise ParameterError(f"venue.margin: {desk.preset.name} has no options to margin")
    terms = desk.terms()
    one = 10.0 ** scenario.asset[0].decimals
    terms.coins["lot"] = [10.0**-asset.decimals for asset in scenario.asset]
    terms.perps["lot"] = [table.lot for _, table in perpetuals(scenario)]
    risk = _with_parts(desk, scenario, terms)
    facts = np.zeros(1, FACTS)
    facts["one"], facts["step"] = one, -1
    facts["fills"] = any(getattr(desk.preset, name) is not None for name in OFFSETTING)
    facts["locked"] = 1.0 - desk.preset.credit.withdrawable
    facts["mirrors"] = uses_brackets(scenario)
    markets = [table.underlying for table in scenario.market]
    sources = Sources(
        perps=np.array([m for m, _ in perpetuals(scenario)], np.int64),
        series=np.zeros(0, np.int64),
        spot=np.array([_market_of(u, markets) for u in desk.underlyings], np.int64),
    )
    facts["model"] = number_of(scenario)
    own = _own(scenario, len(sources.perps), accounts)
    estimates = first_estimates(desk, risk, accounts)
    return Live(facts, sources, terms, risk, _place(terms), estimates, own)


def _own(scenario: Scenario, perps: int, accounts: int) -> Own:
    """What a model written in Python is given; nothing without one."""
    if scenario.venue.risk_model is None:
        none = np.zeros(0)
        return Own(none, np.zeros((0, 0)), np.zeros((0, 5)), none)
    seen = np.zeros((accounts, len(scenario.asset) + 4 * perps), np.int64)
    marks = np.full(len(scenario.market), -1, np.int64)
    return Own(marks, seen, np.zeros((accounts, 5)), np.zeros(6 + 4 * perps))


def _market_of(underlying: str, markets: list[str]) -> int:
    """First market of an underlying, whose index is its price; any other where it has none."""
    return markets.index(underlying) if underlying in markets else 0


def _place(terms: Terms) -> Holdings:
    """Working place of one account."""
    coins, perps, series = len(terms.coins), len(terms.perps), len(terms.series)
    return Holdings(
        coins=np.zeros((1, coins), np.int64),
        perps=np.zeros((1, perps), np.int64),
        cost=np.zeros((1, perps)),
        bids=np.zeros((1, perps), np.int64),
        asks=np.zeros((1, perps), np.int64),
        options=np.zeros((1, series), np.int64),
    )


# Parts ------------------------------------------------------------------------------------------


def _with_parts(desk: MarketDesk, scenario: Scenario, terms: Terms) -> Risk:
    """Risk model with the parts of a desk's preset switched on."""
    preset, risk = desk.preset, blank_risk(terms)
    for place, name in enumerate(PARTS):
        risk.switches[place] = getattr(preset, name) is not None
    rules: dict[str, Any] = {"credit": credit_rules(desk)}
    if uses_brackets(scenario):
        rules["rates"], rules["fractions"] = _tier_rates(scenario)
    elif preset.fractions is not None:
        rules["rates"], rules["fractions"] = fraction_rules(desk, preset.fractions)
    makers: dict[str, tuple[str, Any]] = {
        "size_premium": ("premiums", size_rules),
        "skew_premium": ("skews", skew_rules),
        "closing_cost": ("closings", closing_rules),
        "liquidity": ("depths", liquidity_rules),
        "standard_options": ("shorts", short_rules),
        "netting": ("nettings", netting_rules),
        "delta_gamma_vega": ("shocks", greek_moves),
        "health": ("healths", health_rules),
    }
    for name, (field, make) in makers.items():
        if getattr(preset, name) is not None:
            rules[field] = make(desk)
    return _with_shared(desk, risk._replace(**rules), terms)


def _with_shared(desk: MarketDesk, risk: Risk, terms: Terms) -> Risk:
    """Risk model with the parts that share arrays among accounts."""
    preset, rules = desk.preset, dict[str, Any]()
    if preset.netting is not None:
        rules["deltas"] = deltas_of(terms)
    if preset.delta_gamma_vega is not None:
        rules["greeks"] = greeks_of(terms)
    if preset.standard_options is not None:
        rules["expiries"] = expiries_of(desk)
    if preset.wrong_way is not None:
        rules["correlation"], strength = wrong_way_rules(desk)
        rules["strength"] = np.array([strength])
    if preset.scenario is not None:
        rules["grid"] = ScenarioPart(desk, preset.scenario).grid(terms)
    if preset.value_at_risk is not None:
        part = RiskPart(desk, preset.value_at_risk)
        rules["measure"], rules["multiples"] = part.measure(terms), part.multiples
    if preset.health is not None:
        rules["resting"] = _spot_orders(len(terms.coins))
    if preset.adaptive is not None:
        rule = preset.adaptive
        level = rule.reference if rule.level is None else rule.level
        times = float(from_python(multiplier_at)(limits_of(rule), level))
        rules["multiplier"] = np.array([times, 1.0, 1.0])
        cap = rule.leverage if rule.leverage < 1e6 else np.inf
        rules["caps"] = np.array([cap / (times if rule.leverage_follows else 1.0), 0.0])
    return risk._replace(**rules)


#: Notional at which a market's own rates are taken, quote.
TYPICAL = 1e4


def complete(scenario: Scenario) -> Scenario:
    """Scenario whose perpetuals have brackets: what its risk model asks of one small position.

    Margin does not use them; agents size their orders by them, funding is capped by them, and the
    parts of a waterfall rank and price single positions by them. Brackets of a scenario stand.

    Raises
    ------
    ParameterError
        With the key, when the tables of the risk model are wrong.
    """
    prices = [underlying.price or 1000.0 for underlying in scenario.underlying]
    desk = MarketDesk(scenario, prices, preset_of(scenario))
    check_signal(desk.preset, scenario)
    for table in scenario.market:
        if str(table.kind) == "inverse":
            raise ParameterError(
                f"market.{table.name}.kind = 'inverse': a risk model counts contracts in quote; "
                "take a perpetual, or a venue whose margin is brackets and weights"
            )
    number_of(scenario)
    tables = dict(perpetuals(scenario))
    if not any(is_open(table) for table in tables.values()):
        return scenario
    rates = iter(_own_rates(desk))
    markets = list(scenario.market)
    for m, table in tables.items():
        initial, maintenance = next(rates)
        if is_open(table):
            tier = Tier(initial=initial, maintenance=maintenance)
            markets[m] = table.model_copy(update={"tiers": (tier,)})
    return scenario.model_copy(update={"market": tuple(markets)})


def check_signal(preset: Preset, scenario: Scenario) -> None:
    """Refuse a signal that a scenario does not have."""
    rule = preset.adaptive
    if rule is None or rule.signal != "implied":
        return
    if not any(str(table.kind) == "option" for table in scenario.market):
        raise ParameterError(
            "venue.margin.adaptive.signal = 'implied': there is no option market whose "
            "volatility it could follow"
        )


def is_open(table: MarketTable) -> bool:
    """Tell whether the brackets of a market wait for those that its risk model implies."""
    return [(tier.initial, tier.maintenance) for tier in table.tiers] == [(1.0, 1.0)]


def _own_rates(desk: MarketDesk) -> list[tuple[float, float]]:
    """Entry and maintenance rate of a small position in each market by itself."""
    terms, n = desk.terms(), len(desk.markets)
    held = desk.holdings(n)
    held.perps[:] = np.diag(TYPICAL / terms.perps["price"])
    held.cost[:] = held.perps * terms.perps["price"]
    found = desk.numbers(holdings=held)
    lost = found[:, [0]] - found[:, 1:3]
    rates = np.clip((found[:, 3:] + lost) / TYPICAL, 1e-4, 1.0)
    return [(float(a), float(min(a, b))) for a, b in rates]


def _tier_rates(scenario: Scenario) -> tuple[Any, Any]:
    """Brackets of a scenario's own markets, where its risk model names no other."""
    tables = [table for _, table in perpetuals(scenario)]
    most = max((len(table.tiers) for table in tables), default=1)
    rates, rules = np.zeros((len(tables), most), RATES), np.zeros(len(tables), FRACTION)
    rates["lower"] = np.inf
    for row, table in zip(rates, tables, strict=True):
        for t, tier in enumerate(table.tiers):
            row[t]["lower"], row[t]["initial"] = tier.notional, tier.initial
            row[t]["maintenance"] = tier.maintenance
        set_credits(row[: len(table.tiers)], initial=True)
    mark_plain(rules)
    return rates, rules


def _spot_orders(coins: int) -> Resting:
    """Places for the spot orders of one account: each coin against the quote asset."""
    pairs = np.zeros((1, coins - 1), PAIR)
    pairs["base"] = np.arange(1, coins)
    return Resting(pairs, np.zeros((1, coins - 1, 2)), np.zeros((coins, 2)))
