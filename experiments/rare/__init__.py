"""Rare events and variance reduction: estimates at a fraction of the cost of plain Monte Carlo.

`splitting` and `adaptive_splitting` follow the dynamics, `importance_sampling`, `control_variate`,
`antithetic` and `stratified` the shock. Each returns an `Estimation` with its error, its interval,
its cost and its measured gain over plain Monte Carlo at equal cost.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers; the same names as in `_HOMES`
    from crossmargin.experiments.rare.adaptive import adaptive_splitting as adaptive_splitting
    from crossmargin.experiments.rare.cascade import Cascade as Cascade
    from crossmargin.experiments.rare.controls import control_variate as control_variate
    from crossmargin.experiments.rare.estimation import Estimation as Estimation
    from crossmargin.experiments.rare.importance import importance_sampling as importance_sampling
    from crossmargin.experiments.rare.levels import splitting as splitting
    from crossmargin.experiments.rare.markets import MarketProcess as MarketProcess
    from crossmargin.experiments.rare.markets import ShockOutcome as ShockOutcome
    from crossmargin.experiments.rare.shocks import plain as plain
    from crossmargin.experiments.rare.static_loss import StaticLoss as StaticLoss
    from crossmargin.experiments.rare.strata import antithetic as antithetic
    from crossmargin.experiments.rare.strata import stratified as stratified

_HOMES = {
    "Cascade": "cascade",
    "Estimation": "estimation",
    "MarketProcess": "markets",
    "ShockOutcome": "markets",
    "StaticLoss": "static_loss",
    "adaptive_splitting": "adaptive",
    "antithetic": "strata",
    "control_variate": "controls",
    "importance_sampling": "importance",
    "plain": "shocks",
    "splitting": "levels",
    "stratified": "strata",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
