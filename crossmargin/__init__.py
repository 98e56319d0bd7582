"""crossmargin: an agent-based model of systemic contagion on cross-margin venues.

The public names are imported when first used, so that `import crossmargin` costs little.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers; the same names as in `_HOMES`
    from crossmargin.agents.check import check_agent as check_agent
    from crossmargin.agents.trader import Trader as Trader
    from crossmargin.experiments.calibration.fit import calibrate as calibrate
    from crossmargin.experiments.counterfactual.results import WhatIf as WhatIf
    from crossmargin.experiments.counterfactual.shares import Blame as Blame
    from crossmargin.experiments.counterfactual.shares import leave_out as leave_out
    from crossmargin.experiments.counterfactual.shares import shapley as shapley
    from crossmargin.experiments.counterfactual.stopping import Stop as Stop
    from crossmargin.experiments.counterfactual.stopping import stop_cascade as stop_cascade
    from crossmargin.experiments.counterfactual.whatif import whatif as whatif
    from crossmargin.experiments.endogenous.identify import Split as Split
    from crossmargin.experiments.endogenous.identify import split_path as split_path
    from crossmargin.experiments.ensembles import Ensemble as Ensemble
    from crossmargin.experiments.ensembles import ensemble as ensemble
    from crossmargin.experiments.load import load_scenario as load_scenario
    from crossmargin.experiments.margin.evaluate import evaluate_margin as evaluate_margin
    from crossmargin.experiments.margin.report import MarginReport as MarginReport
    from crossmargin.experiments.margin.risk_model import RiskModel as RiskModel
    from crossmargin.experiments.margin.risk_model import check_risk_model as check_risk_model
    from crossmargin.experiments.market import Market as Market
    from crossmargin.experiments.modes.comparing import ModeComparison as ModeComparison
    from crossmargin.experiments.modes.comparing import compare_modes as compare_modes
    from crossmargin.experiments.run import Run as Run
    from crossmargin.experiments.run import simulate as simulate
    from crossmargin.experiments.schema import Scenario as Scenario
    from crossmargin.experiments.snapshots.exporting import export_snapshot as export_snapshot
    from crossmargin.experiments.snapshots.importing import import_snapshot as import_snapshot
    from crossmargin.experiments.sweeps.engine import sweep as sweep
    from crossmargin.experiments.sweeps.plan import Plan as Plan
    from crossmargin.experiments.sweeps.plan import load_plan as load_plan
    from crossmargin.experiments.sweeps.results import Sweep as Sweep
    from crossmargin.experiments.sweeps.results import load_sweep as load_sweep
    from crossmargin.model.errors import ConservationError as ConservationError
    from crossmargin.model.errors import ConvergenceError as ConvergenceError
    from crossmargin.model.errors import CrossmarginError as CrossmarginError
    from crossmargin.model.errors import ParameterError as ParameterError
    from crossmargin.model.errors import ScenarioError as ScenarioError
    from crossmargin.model.errors import StateError as StateError
    from crossmargin.model.order_book import OrderBook as OrderBook
    from crossmargin.model.state import FILL as FILL
    from crossmargin.model.state import ORDER as ORDER

__version__ = "0.1.0"

_HOMES = {
    "FILL": "crossmargin.model.state",
    "ORDER": "crossmargin.model.state",
    "OrderBook": "crossmargin.model.order_book",
    "CrossmarginError": "crossmargin.model.errors",
    "ScenarioError": "crossmargin.model.errors",
    "ParameterError": "crossmargin.model.errors",
    "StateError": "crossmargin.model.errors",
    "ConservationError": "crossmargin.model.errors",
    "ConvergenceError": "crossmargin.model.errors",
    "Trader": "crossmargin.agents.trader",
    "check_agent": "crossmargin.agents.check",
    "MarginReport": "crossmargin.experiments.margin.report",
    "evaluate_margin": "crossmargin.experiments.margin.evaluate",
    "RiskModel": "crossmargin.experiments.margin.risk_model",
    "check_risk_model": "crossmargin.experiments.margin.risk_model",
    "Market": "crossmargin.experiments.market",
    "Scenario": "crossmargin.experiments.schema",
    "load_scenario": "crossmargin.experiments.load",
    "ModeComparison": "crossmargin.experiments.modes.comparing",
    "compare_modes": "crossmargin.experiments.modes.comparing",
    "Run": "crossmargin.experiments.run",
    "simulate": "crossmargin.experiments.run",
    "export_snapshot": "crossmargin.experiments.snapshots.exporting",
    "import_snapshot": "crossmargin.experiments.snapshots.importing",
    "calibrate": "crossmargin.experiments.calibration.fit",
    "Blame": "crossmargin.experiments.counterfactual.shares",
    "Stop": "crossmargin.experiments.counterfactual.stopping",
    "WhatIf": "crossmargin.experiments.counterfactual.results",
    "leave_out": "crossmargin.experiments.counterfactual.shares",
    "shapley": "crossmargin.experiments.counterfactual.shares",
    "stop_cascade": "crossmargin.experiments.counterfactual.stopping",
    "whatif": "crossmargin.experiments.counterfactual.whatif",
    "Split": "crossmargin.experiments.endogenous.identify",
    "split_path": "crossmargin.experiments.endogenous.identify",
    "Ensemble": "crossmargin.experiments.ensembles",
    "ensemble": "crossmargin.experiments.ensembles",
    "sweep": "crossmargin.experiments.sweeps.engine",
    "Plan": "crossmargin.experiments.sweeps.plan",
    "load_plan": "crossmargin.experiments.sweeps.plan",
    "Sweep": "crossmargin.experiments.sweeps.results",
    "load_sweep": "crossmargin.experiments.sweeps.results",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
