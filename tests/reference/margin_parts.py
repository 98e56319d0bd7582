"""Twins of the parts of risk models in NumPy: (n_accounts, 5) float64 of each."""

import math

import numpy as np

from crossmargin.model.margin.arrays import Holdings, Terms
from crossmargin.model.margin.scenario import Grid
from crossmargin.model.margin.scenario_grid import FIRST
from crossmargin.model.state import Array
from tests.reference.margin_rows import SCENARIOS


def _zeros(held: Holdings) -> Array:
    return np.zeros((len(held.coins), 5))


def weights_twin(held: Holdings, terms: Terms) -> Array:
    out = _zeros(held)
    for row in range(len(out)):
        for a, coin in enumerate(terms.coins):
            amount = held.coins[row, a] * coin["lot"]
            root = coin["size_discount"] * math.sqrt(abs(amount))
            out[row, 0] += amount * coin["price"]
            if amount >= 0:
                limit = 1.1 / (1 + root) if coin["size_discount"] > 0 else math.inf
                initial = min(coin["initial"] * coin["scale"], limit)
                maintenance = min(coin["maintenance"], limit)
                out[row, 1] += amount * coin["low"] * initial
                out[row, 2] += amount * coin["price"] * maintenance
                continue
            weights = [
                max(coin[k], 0.8 * coin[k] + root) for k in ("owed_initial", "owed_maintenance")
            ]
            owed = amount * coin["high"] * weights[0] * coin["owed_scale"]
            kept = amount * coin["price"] * weights[1]
            if coin["owed_is_required"]:
                out[row, 3:] -= owed, kept
            else:
                out[row, 1:3] += owed, kept
    return out


def credit_twin(held: Holdings, terms: Terms, credit: Array) -> Array:
    out = _zeros(held)
    gain = held.perps * terms.perps["lot"] * terms.perps["price"] - held.cost
    up, down = np.maximum(gain, 0), np.minimum(gain, 0)
    out[:, 0] = gain.sum(axis=1)
    out[:, 1] = (down + np.minimum(up * credit["initial"], credit["cap"])).sum(axis=1)
    out[:, 2] = (down + up * credit["maintenance"]).sum(axis=1)
    return out


def sizes(held: Holdings, terms: Terms) -> tuple[Array, Array]:
    """Position and worst case of resting orders, base."""
    worst = np.maximum(np.abs(held.perps + held.bids), np.abs(held.perps - held.asks))
    return np.abs(held.perps) * terms.perps["lot"], worst * terms.perps["lot"]


def fractions_twin(held: Holdings, terms: Terms, rates: Array, rules: Array) -> Array:
    out, (size, worst) = _zeros(held), sizes(held, terms)
    for row, m in np.ndindex(size.shape):
        rule = rules[m]

        def asked(kind: str, notional: float, m: int = m) -> float:
            own = [r for r in rates[m] if notional > r["lower"]] or [rates[m, 0]]
            return float(notional * own[-1][kind] - own[-1][f"{kind}_credit"])

        price = terms.perps["price"][m]
        if worst[row, m] > 0:
            notional = worst[row, m] * price
            initial = max(asked("initial", notional), notional * rule["floor"], rule["least"])
            out[row, 3] += initial + rule["charge"]
        if size[row, m] > 0:
            kept = asked("maintenance", size[row, m] * price)
            if rule["fraction"] > 0:
                kept = asked("initial", size[row, m] * price) * rule["fraction"]
            out[row, 4] += max(kept, rule["least"]) + rule["charge"]
    return out


def premium_twin(held: Holdings, terms: Terms, rules: Array) -> Array:
    out = _zeros(held)
    for column, kind, size in zip(
        (3, 4), ("initial", "maintenance"), reversed(sizes(held, terms)), strict=True
    ):
        base = rules[kind]
        rate = np.maximum(base, rules["keep"] * base + rules["slope"] * np.sqrt(size))
        out[:, column] = (size * terms.perps["price"] * rate).sum(axis=1)
    return out


def skew_twin(held: Holdings, terms: Terms, rules: Array) -> Array:
    out, (size, worst) = _zeros(held), sizes(held, terms)
    for column, kind, q in ((3, "initial", worst), (4, "maintenance", size)):
        rate = rules[kind] + rules[f"{kind}_slope"] * q
        out[:, column] = (q * terms.perps["price"] * rate + rules["charge"] * (q > 0)).sum(axis=1)
    return out


def short_options_twin(held: Holdings, terms: Terms, expiries: Array, rule: Array) -> Array:
    """Rules of all underlyings alike."""
    out, s = _zeros(held), terms.series
    out[:, 0] = held.options @ (s["lot"] * s["mark"])
    base = s["forward"] if rule["on_forward"] else terms.spot[s["underlying"]]
    out_of = np.maximum(s["kind"] * (s["strike"] - base), 0) / base
    rate = np.maximum(rule["entry"] - out_of, rule["floor"]) * rule["factor"]
    kept = rule["maintenance"] * rule["factor"] * base
    kept = np.where(s["kind"] > 0, kept, np.maximum(kept, rule["of_mark"] * s["mark"])) + s["mark"]
    asked = s["mark"] + rate * base
    asked = np.where(s["kind"] > 0, asked, np.maximum(asked, rule["put_multiple"] * kept))
    for row in range(len(out)):
        for e in expiries:
            own = slice(e["first"], e["first"] + e["count"])
            q, k = held.options[row, own] * s["lot"][own], s["strike"][own]
            short = np.maximum(-q, 0)
            both = np.array([short @ asked[own], short @ kept[own]])
            if rule["max_loss"] and short.any():
                paid = [q @ np.maximum(s["kind"][own] * (p - k), 0) for p in (0.0, *k[q != 0])]
                naked = max(-q[s["kind"][own] > 0].sum(), 0) * s["forward"][e["first"]]
                both = np.minimum(both, max(-min(paid), 0) + naked * rule["uncovered"])
            out[row, 3:] += both
    return out


def gains_twin(held: Holdings, terms: Terms, grid: Grid) -> tuple[Array, Array]:
    """(n_accounts, n_underlyings, n_scenarios) gains, and losses by basis of each underlying."""
    n, u = len(held.coins), len(terms.spot)
    columns = slice(FIRST, FIRST + len(SCENARIOS))
    gains, basis = np.zeros((n, u, len(SCENARIOS))), np.zeros((n, u))
    for k in range(u):
        coins, perps = terms.coins["underlying"] == k, terms.perps["underlying"] == k
        value = held.coins[:, coins] @ (terms.coins["lot"] * terms.coins["price"])[coins]
        value += held.perps[:, perps] @ (terms.perps["lot"] * terms.perps["price"])[perps]
        gains[:, k] = value[:, None] * grid.moves[k, columns]
    for e in grid.expiries:
        own, k = slice(e["first"], e["first"] + e["count"]), e["underlying"]
        q = held.options[:, own] * terms.series["lot"][own]
        values, mark = q @ grid.values[own], q @ terms.series["mark"][own]
        shocked = values[:, columns]
        counted = np.where(shocked > 0, e["when_positive"], e["when_negative"]) * shocked
        any_held = (held.options[:, own] != 0).any(axis=1)
        gains[:, k] += np.where(any_held[:, None], counted - mark[:, None], 0)
        loss = np.maximum(mark[:, None] - values[:, :FIRST], 0).max(axis=1)
        basis[:, k] += loss * e["basis_weight"]
    return gains, basis


def naked_twin(held: Holdings, terms: Terms, grid: Grid) -> Array:
    """(n_accounts, n_underlyings) shorts net by strike, base."""
    out, s = np.zeros((len(held.coins), len(terms.spot))), terms.series
    for row in range(len(out)):
        for key in {(a, b) for a, b in zip(s["expiry"], s["strike"], strict=True)}:
            own = (s["expiry"] == key[0]) & (s["strike"] == key[1])
            net = held.options[row, own] @ s["lot"][own]
            out[row, s["underlying"][own][0]] += max(-net, 0)
    return out


def risk_twin(held: Holdings, terms: Terms, grid: Grid) -> Array:
    """(n_accounts, n_underlyings) risk, quote: worst scenario, basis and charges."""
    gains, basis = gains_twin(held, terms, grid)
    damping = grid.damping[:, FIRST : FIRST + len(SCENARIOS)]
    worst = np.maximum((-gains * damping).max(axis=2), 0)
    naked, found = naked_twin(held, terms, grid), np.zeros_like(worst)
    for u, unit in enumerate(grid.units):
        coins, perps = terms.coins["underlying"] == u, terms.perps["underlying"] == u
        gross = np.abs(held.perps[:, perps]).sum(axis=1)
        net = np.abs(held.perps[:, perps].sum(axis=1))
        charge = np.abs(held.coins[:, coins]).sum(axis=1) * unit["coin_charge"]
        charge += gross * unit["perpetual_charge"] + naked[:, u] * unit["option_charge"]
        charge += 0.5 * (gross - net) * unit["offset_charge"]
        adds = unit["basis_adds"]
        both = worst[:, u] + basis[:, u] if adds else np.maximum(worst[:, u], basis[:, u])
        found[:, u] = both + charge * terms.spot[u]
    return found
