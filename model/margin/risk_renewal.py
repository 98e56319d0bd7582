"""Renews once a block what all accounts of a risk model share.

Prices, values of option series under every scenario, covariances, the depth of books, weights that
follow what all accounts hold, rates that follow open interest, the multiplier of adaptive margin.
It runs after the marks, and again after the marks of a liquidation round, when no time has passed:
prices are renewed then, estimates are not.
"""

import math

from crossmargin.model.depth import depth_within
from crossmargin.model.kernel import kernel
from crossmargin.model.margin.account import (
    CLOSING_COST,
    DELTA_GAMMA_VEGA,
    LIQUIDITY,
    NETTED,
    SCENARIO,
    VALUE_AT_RISK,
)
from crossmargin.model.margin.estimates import DEPTH_SIGNAL as DEPTH
from crossmargin.model.margin.estimates import (
    GARCH,
    IMPLIED,
    PARAMETRIC,
    REALISED,
    adapt,
    blend,
    factorise,
    forecast,
    largest_volatility,
    observe_prices,
    push_returns,
    renew_covariance,
    write_returns,
)
from crossmargin.model.margin.layout import opened
from crossmargin.model.margin.live_numbers import price_coin, price_now
from crossmargin.model.margin.scenario_grid import series_deltas, value_scenarios
from crossmargin.model.options.black76 import YEAR
from crossmargin.model.options.series import mark_of, series_greeks

PHASE = "marks"
#: Distance from the mid within which depth counts, as a fraction of it.
NEAR = 0.01


@kernel
def renew_prices(ledger, live):
    """Renew the prices of coins, perpetuals and underlyings."""
    for a in range(1, ledger.assets.shape[0]):
        price_coin(live.terms.coins[a], price_now(ledger.markets[ledger.assets[a].market]))
    for k in range(live.sources.perps.shape[0]):
        price_coin(live.terms.perps[k], price_now(ledger.markets[live.sources.perps[k]]))
    for u in range(live.sources.spot.shape[0]):
        market = ledger.markets[live.sources.spot[u]]
        half_price = market.index if market.index > 0 else market.mark
        live.terms.spot[u] = 0.5 * half_price * market.tick


@kernel
def take_series(series, rows):
    """Copy the option series of a market, row by row, and mark those that have no mark."""
    for i in range(series.shape[0]):
        series[i] = rows[i]
        if series[i].mark <= 0.0:
            series[i].mark = mark_of(series[i])


@kernel
def renew_expiries(live, expiries):
    """Renew the time to expiry, and what shocked values of an expiry count."""
    for e in range(expiries.shape[0]):
        expiry = expiries[e]
        rule = live.estimates.discounts[expiry.underlying]
        expiry.seconds = live.terms.series[expiry.first].seconds
        years = expiry.seconds / YEAR
        expiry.when_positive = rule.positive * math.exp(-years * rule.rate)
        expiry.when_negative = rule.negative
        expiry.basis_weight = rule.weight + rule.weight_a_year * years


@kernel
def renew_options(live):
    """Renew what parts need to know of option series."""
    series, risk, rules = live.terms.series, live.risk, live.estimates
    if series.shape[0] == 0:
        return
    if risk.switches[SCENARIO] == 1:
        renew_expiries(live, risk.grid.expiries)
        values = risk.grid.values
        value_scenarios(series, rules.shocks, rules.volatility, rules.basis, values)
        series_deltas(series, risk.grid.deltas)
    if risk.switches[NETTED] == 1:
        series_deltas(series, risk.deltas)
    if risk.switches[DELTA_GAMMA_VEGA] == 1 or risk.switches[VALUE_AT_RISK] == 1:
        series_greeks(series, risk.greeks)
    if risk.switches[VALUE_AT_RISK] == 1:
        series_deltas(series, risk.measure.deltas)
        for i in range(series.shape[0]):
            risk.measure.gammas[i] = risk.greeks[i, 1] / max(series[i].lot, 1e-300)


@kernel
def depth_of(state, m):
    """Depth of the thinner side of a market within one per cent of the mid, quote."""
    mid, market = state.book.ladders[m].mid, state.ledger.markets[m]
    low, high = int(0.5 * mid * (1.0 - NEAR)), int(0.5 * mid * (1.0 + NEAR))
    bids, asks = depth_within(state.book, m, 0, low), depth_within(state.book, m, 1, high)
    return min(bids, asks) * market.lot * 0.5 * mid * market.tick


@kernel
def measure_liquidity(state, live, days):
    """Renew the volume and the depth on which add-ons rest."""
    for k in range(live.estimates.flows.shape[0]):
        flow, m = live.estimates.flows[k], live.sources.perps[k]
        traded = max(0, state.book.ladders[m].volume - flow.volume)
        flow.volume = state.book.ladders[m].volume
        if flow.is_measured == 1 and days > 0.0:
            rule, kept = live.risk.depths[k], math.exp(-1.0 / flow.memory)
            volume = traded * live.terms.perps[k].lot / days
            rule.volume = max(blend(rule.volume, volume, kept, days), 1e-9)
            rule.depth = max(blend(rule.depth, depth_of(state, m), kept, days), 1e-9)


@kernel
def renew_scales(state, part, live):
    """Renew the weights of coins by what all accounts hold and owe, and by volatility."""
    first, last = state.parts[part].first, state.parts[part].first + state.parts[part].count
    for a in range(live.estimates.coins.shape[0]):
        rule, coin = live.estimates.coins[a], live.terms.coins[a]
        if rule.deposit_start > 0.0 or rule.borrow_start > 0.0:
            held, owed = 0.0, 0.0
            for row in range(first, last):
                amount = state.ledger.balances[row, a] * coin.lot * coin.price
                held += max(amount, 0.0)
                owed += max(-amount, 0.0)
            coin.scale = deposit_scale(rule.deposit_start, held)
            coin.owed_scale = borrow_scale(rule.borrow_start, owed)
        elif rule.calm > 0.0:
            coin.scale = 1.0
        if rule.calm > 0.0 and coin.underlying >= 0:
            wild = math.sqrt(live.estimates.prices[coin.underlying].variance) / rule.calm - 1.0
            coin.scale *= max(0.0, 1.0 - rule.slope * max(0.0, wild))


@kernel
def deposit_scale(start, deposits):
    """Multiple of an entry weight when all deposits are worth so much."""
    return 1.0 if start <= 0.0 or deposits <= start else start / deposits


@kernel
def borrow_scale(start, borrows):
    """Multiple of the entry weight of a debt when all debts are worth so much."""
    return 1.0 if start <= 0.0 else max(1.0, borrows / start)


@kernel
def one_sided(ledger, market, one):
    """Open interest of one side at the mark, quote."""
    m = ledger.markets[market]
    return (m.open_interest // 2) * m.mark * m.half_unit / one


@kernel
def renew_floors(ledger, live):
    """Renew the least entry rates by open interest."""
    for k in range(live.estimates.interest.shape[0]):
        rule = live.estimates.interest[k]
        if rule.upper > 0.0:
            held = one_sided(ledger, live.sources.perps[k], live.facts[0].one)
            share = max(0.0, (held - rule.lower) / (rule.upper - rule.lower))
            rate = min(1.0, rule.base + share * (1.0 - rule.base))
            live.risk.fractions[k].floor = math.floor(rate * 1e6 + 1e-6) / 1e6


@kernel
def renew_rates(ledger, live):
    """Follow scheduled changes of brackets: take them over, or their ratio to the start."""
    first, risk = live.estimates.rates, live.risk
    for k in range(first.shape[0]):
        tiers = ledger.tiers[live.sources.perps[k]]
        if live.facts[0].mirrors == 1:
            copy_tiers(risk.rates[k], tiers, live.facts[0].one)
            continue
        entry, kept = tiers[0].initial / first[k, 0], tiers[0].maintenance / first[k, 1]
        risk.multiplier[1] = entry if k == 0 else max(entry, risk.multiplier[1])
        risk.multiplier[2] = kept if k == 0 else max(kept, risk.multiplier[2])


@kernel
def copy_tiers(rates, tiers, one):
    """Write the brackets of a market in quote units as those of a risk model, in quote."""
    for t in range(min(rates.shape[0], tiers.shape[0])):
        rates[t].initial = tiers[t].initial
        rates[t].initial_credit = tiers[t].initial_credit / one
        rates[t].maintenance = tiers[t].maintenance
        rates[t].maintenance_credit = tiers[t].maintenance_credit / one


@kernel
def renew_imbalances(state, part, live):
    """Renew what all accounts hold long less short: what a pool has against it."""
    first, last = state.parts[part].first, state.parts[part].first + state.parts[part].count
    for k in range(live.risk.closings.shape[0]):
        net, perp = 0, live.terms.perps[k]
        for row in range(first, last):
            net += state.ledger.lots[row, live.sources.perps[k]]
        live.risk.closings[k].imbalance = net * perp.lot * perp.price


@kernel
def implied_level(live):
    """Volatility of all series, those with more vega counting more, per root year."""
    total, weight = 0.0, 0.0
    series_greeks(live.terms.series, live.risk.greeks)
    for i in range(live.terms.series.shape[0]):
        vega = live.risk.greeks[i, 2]
        total += vega * live.terms.series[i].volatility
        weight += vega
    return total / weight if weight > 0.0 else live.estimates.adaptive[0].level


@kernel
def signal_of(state, live):
    """Level of the signal that adaptive margin follows."""
    kind, level = live.estimates.adaptive[0].signal, 0.0
    if kind in (REALISED, GARCH):
        return largest_volatility(live.estimates.prices, kind)
    if kind == IMPLIED:
        return implied_level(live)
    for k in range(live.sources.perps.shape[0]):
        m = live.sources.perps[k]
        if kind == DEPTH:
            level += depth_of(state, m)
        else:
            level += one_sided(state.ledger, m, live.facts[0].one)
    return max(level, 1e-9)


@kernel
def grant(state, part, live):
    """Remember the cap of leverage under which an account opened its positions."""
    ledger, granted = state.ledger, live.estimates.granted
    first, last = state.parts[part].first, state.parts[part].first + state.parts[part].count
    for row in range(first, min(last, granted.shape[0])):
        is_open = False
        for k in range(live.sources.perps.shape[0]):
            is_open |= ledger.lots[row, live.sources.perps[k]] != 0
        if not is_open:
            granted[row] = 0.0
        elif granted[row] == 0.0:
            granted[row] = live.risk.caps[0]


@kernel
def renew_risk(live, days):
    """Renew covariances or past returns of value at risk."""
    past, measure = live.estimates.past[0], live.risk.measure
    if past.is_on == 0 or days <= 0.0:
        return
    if past.method == PARAMETRIC:
        renew_covariance(live.estimates, days)
        for k in range(measure.factors.shape[0]):
            factorise(live.estimates.covariance, past.stress if k == 1 else 0.0, measure.factors[k])
        return
    past.waited += days
    if past.waited >= 1.0 - 1e-9:
        push_returns(live.estimates, live.terms.spot)
        write_returns(live.estimates, measure.returns)


@kernel
def renew_estimates(state, part, live, days):
    """Renew what rests on the time that has passed."""
    observe_prices(live.estimates, live.terms.spot, days)
    if live.risk.switches[LIQUIDITY] == 1:
        measure_liquidity(state, live, days)
    renew_risk(live, days)
    if live.estimates.adaptive[0].is_on == 1:
        forecast(live.estimates, live.terms.spot, days)
        adapt(live.estimates, live.risk, signal_of(state, live), days)
    grant(state, part, live)


@kernel
def risk_renewal(state, part, step):
    """Renew the risk model of the venue; returns 1 when time has passed since the last time."""
    live = opened(state.ledger.risk)
    renew_prices(state.ledger, live)
    take_series(live.terms.series, state.options.series)
    renew_options(live)
    facts = live.facts[0]
    is_new = facts.step != step
    if is_new:
        days = (step - facts.step) * state.clock[0].block_seconds / 86400.0
        renew_estimates(state, part, live, days if facts.step >= 0 else 0.0)
        facts.step = step
    renew_rates(state.ledger, live)
    renew_floors(state.ledger, live)
    renew_scales(state, part, live)
    if live.risk.switches[CLOSING_COST] == 1:
        renew_imbalances(state, part, live)
    return 1 if is_new else 0


KERNEL = risk_renewal
