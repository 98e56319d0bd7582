"""Five numbers of an account under a venue's risk model, quote units.

What the account holds is copied from the ledger into the working place of the risk model, and
`numbers_of` is asked as the calculator asks it. Raw equity is the exact integer of the ledger;
weighted equity differs from it by what the model takes off, rounded down, and requirements are
rounded up. Resting orders count for entry by their worst case: each market's by itself where a
requirement is one of single markets, all bids or all asks filled where positions offset.
"""

from crossmargin.model.calling import NUMBERS, account_signature, place_address
from crossmargin.model.integers import to_units, to_units_up
from crossmargin.model.kernel import kernel
from crossmargin.model.ledger import QUOTE, unrealised
from crossmargin.model.margin.account import WEIGHTED_HEALTH, numbers_of
from crossmargin.model.margin.layout import opened
from crossmargin.model.margin.own_numbers import answer, ask, coins_lost, is_as_seen

#: Largest requirement, quote units; a requirement that is no number is this one.
MOST = 1e18


@kernel
def price_now(market):
    """Mark of a market, quote per base."""
    return 0.5 * market.mark * market.tick


@kernel
def price_coin(coin, price):
    """Set the prices at which a coin counts."""
    coin.price = price
    coin.low = price
    coin.high = price


@kernel
def take_coins(ledger, open_lots, live, row):
    """Copy the coins of an account; raw equity in them, quote units."""
    held, resting = live.held.coins, live.risk.resting
    equity = ledger.balances[row, QUOTE]
    held[0, QUOTE] = equity
    for a in range(1, ledger.assets.shape[0]):
        m = ledger.assets[a].market
        lots, market = ledger.lots[row, m], ledger.markets[m]
        held[0, a] = ledger.balances[row, a]
        bids, asks = open_lots[row, m, 0], open_lots[row, m, 1]
        if resting.pairs.shape[1] > 0:
            hold_back(ledger, live, (a, m), (bids, asks))
        if lots != 0 or bids != 0:
            price_coin(live.terms.coins[a], price_now(market))
            equity += lots * market.mark * market.half_unit
    return equity


@kernel
def hold_back(ledger, live, place, orders):
    """Move what spot orders hold back out of the balances; `place` is (asset, market)."""
    asset, m = place
    market, resting = ledger.markets[m], live.risk.resting
    pair, reserved = resting.pairs[0, asset - 1], resting.reserved[0, asset - 1]
    pair.bid = price_now(market) if orders[0] > 0 else 0.0
    pair.ask = price_now(market) if orders[1] > 0 else 0.0
    paid = orders[0] * market.mark * market.half_unit
    reserved[0] = orders[1] * market.lot
    reserved[1] = paid / live.facts[0].one
    live.held.coins[0, asset] -= orders[1] * market.lot_units
    live.held.coins[0, QUOTE] -= paid


@kernel
def take_perps(ledger, open_lots, live, row):
    """Copy the perpetuals of an account; their unrealised profit, and lots that rest."""
    held, equity, resting = live.held, 0, 0
    for k in range(live.sources.perps.shape[0]):
        m = live.sources.perps[k]
        lots, bids, asks = ledger.lots[row, m], open_lots[row, m, 0], open_lots[row, m, 1]
        held.perps[0, k] = lots
        held.bids[0, k] = bids
        held.asks[0, k] = asks
        held.cost[0, k] = ledger.cost[row, m] / live.facts[0].one
        if lots != 0 or bids != 0 or asks != 0:
            price_coin(live.terms.perps[k], price_now(ledger.markets[m]))
            equity += unrealised(ledger, row, m)
            resting += bids + asks
    return equity, resting


@kernel
def take_options(ledger, open_lots, live, row):
    """Copy the options of an account, their premium paid; unrealised profit, lots that rest."""
    held, equity, resting = live.held, 0, 0
    for i in range(live.sources.series.shape[0]):
        m = live.sources.series[i]
        held.options[0, i] = ledger.lots[row, m]
        held.coins[0, QUOTE] -= ledger.cost[row, m]
        equity += unrealised(ledger, row, m)
        resting += open_lots[row, m, 0] + open_lots[row, m, 1]
    return equity, resting


@kernel
def spot_bids_margin(ledger, open_lots, live, row):
    """What entry equity loses when spot bids fill, quote units."""
    asked = 0
    if live.risk.switches[WEIGHTED_HEALTH] == 1:
        return asked  # health counts them itself
    for a in range(1, ledger.assets.shape[0]):
        m, coin = ledger.assets[a].market, live.terms.coins[a]
        bids = open_lots[row, m, 0]
        if bids != 0:
            value = bids * ledger.markets[m].mark * ledger.markets[m].half_unit
            asked += to_units_up(value * max(0.0, 1.0 - coin.initial * coin.scale))
    return asked


@kernel(inline=False)
def numbers_by(buffer):
    """Five numbers of what is in the working place, quote; a function, as all parts are in it."""
    live = opened(buffer)
    return numbers_of(live.held, live.terms, live.risk, 0)


@kernel
def fill(ledger, open_lots, live, row, side):
    """Fill all bids (0) or asks (1) of derivatives in the working place, each at its mark."""
    held, sign = live.held, 1 - 2 * side
    for k in range(live.sources.perps.shape[0]):
        lots = sign * open_lots[row, live.sources.perps[k], side]
        perp = live.terms.perps[k]
        held.perps[0, k] += lots
        held.cost[0, k] += lots * perp.lot * perp.price
        held.bids[0, k] = 0
        held.asks[0, k] = 0
    for i in range(live.sources.series.shape[0]):
        m = live.sources.series[i]
        lots = sign * open_lots[row, m, side]
        held.options[0, i] += lots
        held.coins[0, QUOTE] -= lots * ledger.markets[m].mark * ledger.markets[m].half_unit


@kernel
def free_when_filled(ledger, open_lots, live, row, side):
    """Entry equity less requirement if all bids (0) or asks (1) fill, quote."""
    fill(ledger, open_lots, live, row, side)
    found = numbers_by(ledger.risk)
    return found[1] - found[3]


@kernel
def least_free(ledger, open_lots, live, row, free):
    """Entry equity less requirement at the worst of what resting orders may do, quote."""
    for side in range(2):
        take_coins(ledger, open_lots, live, row)
        take_perps(ledger, open_lots, live, row)
        take_options(ledger, open_lots, live, row)
        free = min(free, free_when_filled(ledger, open_lots, live, row, side))
    return free


@kernel
def required(amount, one):
    """Requirement in quote units, rounded up; never lost because it is no number."""
    return to_units_up(amount * one if amount * one < MOST else MOST)


@kernel
def own_of(ledger, open_lots, live, row):
    """Five numbers of an account by a model written in Python, orders counted, quote."""
    numbers = live.own.numbers[row]
    if is_as_seen(ledger, open_lots, live, row):
        return numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    ask(live)
    found = answer(live, 0), answer(live, 1), answer(live, 2), answer(live, 3), answer(live, 4)
    free = found[1] - found[3]
    least = free
    for side in range(2):
        take_coins(ledger, open_lots, live, row)
        if take_perps(ledger, open_lots, live, row)[1] > 0:
            fill(ledger, open_lots, live, row, side)
            ask(live)
            least = min(least, answer(live, 1) - answer(live, 3))
    return found[0], found[1], found[2], found[3] + (free - least), found[4]


@kernel
def modelled(ledger, open_lots, live, row):
    """Five numbers of an account by the model of its venue, quote; what it holds is copied."""
    if live.facts[0].model > 0:
        found = own_of(ledger, open_lots, live, row)
        lost = coins_lost(live)
        return found[0], found[1] - lost[0], found[2] - lost[1], found[3], found[4]
    return numbers_by(ledger.risk)


@kernel
def live_numbers(ledger, open_lots, row):
    """Raw, initial and maintenance equity, initial and maintenance requirement of an account."""
    live = opened(ledger.risk)
    one = live.facts[0].one
    equity = take_coins(ledger, open_lots, live, row)
    gains, resting = take_perps(ledger, open_lots, live, row)
    more, options = take_options(ledger, open_lots, live, row)
    equity += gains + more
    live.risk.caps[1] = 0.0
    if live.estimates.granted.shape[0] > 0:
        live.risk.caps[1] = live.estimates.granted[row]
    found = modelled(ledger, open_lots, live, row)
    asked = found[3]
    if (live.facts[0].fills == 1 and resting > 0) or options > 0:
        free = found[1] - found[3]
        asked += free - least_free(ledger, open_lots, live, row, free)
    return (
        equity,
        equity + to_units((found[1] - found[0]) * one),
        equity + to_units((found[2] - found[0]) * one),
        required(asked, one) + spot_bids_margin(ledger, open_lots, live, row),
        required(found[4], one),
    )


def make_ready() -> None:
    """Let kernels that measure margins find this one: compiled, or from the cache."""
    place_address(NUMBERS, live_numbers, account_signature())
