"""What the calculator finds: a record that prints, goes into JSON and shows itself in notebooks."""

import math
from dataclasses import dataclass, field
from html import escape
from typing import Any


def _finite(value: float) -> float | None:
    """None for what JSON cannot say."""
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class MarginReport:
    """Margin of one portfolio under one preset; money in quote units of the venue.

    Attributes
    ----------
    equity : float
        Raw equity: everything at its price.
    initial_equity, maintenance_equity : float
        What counts of it for entry and against liquidation.
    initial_margin, maintenance_margin : float
        Requirements.
    liquidation_price : dict
        By market, `{"down": price or None, "up": price or None}`.
    lending : dict or None
        Of a lending venue: `close_factor`, and what is `repaid` and `seized` at once.
    """

    preset: str
    reports: str
    equity: float
    initial_equity: float
    maintenance_equity: float
    initial_margin: float
    maintenance_margin: float
    withdrawable: float
    gross_notional: float
    is_liquidatable: bool
    liquidation_price: dict[str, dict[str, float | None]]
    joint_shock: dict[str, float | None]
    greeks: dict[str, dict[str, float]]
    scenarios: list[dict[str, Any]] = field(repr=False)
    positions: list[dict[str, Any]] = field(repr=False)
    lending: dict[str, float] | None = None
    notes: tuple[str, ...] = ()
    not_modelled: tuple[str, ...] = field(default=(), repr=False)

    @property
    def free_collateral(self) -> float:
        """Entry equity less entry requirement, quote; negative when short."""
        return self.initial_equity - self.initial_margin

    @property
    def initial_balance(self) -> float:
        """Margin balance net of the entry requirement, quote."""
        return self.initial_equity - self.initial_margin

    @property
    def maintenance_balance(self) -> float:
        """Margin balance net of the maintenance requirement, quote."""
        return self.maintenance_equity - self.maintenance_margin

    @property
    def health(self) -> float:
        """Maintenance equity over maintenance requirement; infinite without a requirement."""
        if self.maintenance_margin <= 0:
            return math.inf if self.maintenance_equity >= 0 else -math.inf
        return self.maintenance_equity / self.maintenance_margin

    @property
    def leverage(self) -> float:
        """Gross notional over raw equity; infinite without equity."""
        if self.gross_notional == 0:
            return 0.0
        return self.gross_notional / self.equity if self.equity > 0 else math.inf

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON has it; what is infinite is null."""
        found: dict[str, Any] = {
            "preset": self.preset,
            "equity": self.equity,
            "initial_margin": self.initial_margin,
            "maintenance_margin": self.maintenance_margin,
            "free_collateral": self.free_collateral,
            "withdrawable": self.withdrawable,
            "health": _finite(self.health),
            "leverage": _finite(self.leverage),
            "is_liquidatable": self.is_liquidatable,
            "initial_equity": self.initial_equity,
            "maintenance_equity": self.maintenance_equity,
            "gross_notional": self.gross_notional,
            "liquidation_price": self.liquidation_price,
            "joint_shock": self.joint_shock,
            "greeks": self.greeks,
            "scenarios": self.scenarios,
            "positions": self.positions,
            "notes": list(self.notes),
        }
        return found | self._as_the_venue_says()

    def _as_the_venue_says(self) -> dict[str, Any]:
        """The numbers under the names that the venue gives them."""
        if self.reports == "balance":
            return {
                "initial_balance": self.initial_balance,
                "maintenance_balance": self.maintenance_balance,
            }
        if self.reports == "health":
            return {"init_health": self.initial_balance, "maint_health": self.maintenance_balance}
        if self.reports == "health_factor":
            return {"health_factor": _finite(self.health), **(self.lending or {})}
        return {}

    def rows(self) -> list[tuple[str, str]]:
        """What the calculator prints first: labels and values."""
        ways = []
        for market, price in self.liquidation_price.items():
            shown = [f"{way} {price[way]:,.6g}" for way in ("down", "up") if price[way] is not None]
            ways.append((f"liquidation price {market}", ", ".join(shown) or "none"))
        shocks = [
            f"{self.joint_shock[way]:+.2%}"
            for way in ("down", "up")
            if self.joint_shock[way] is not None
        ]
        venue = [(k.replace("_", " "), _words(v)) for k, v in self._as_the_venue_says().items()]
        return [
            ("equity", _words(self.equity)),
            ("initial margin", _words(self.initial_margin)),
            ("maintenance margin", _words(self.maintenance_margin)),
            ("free collateral", _words(self.free_collateral)),
            *venue,
            ("health", _words(self.health)),
            ("leverage", _words(self.leverage)),
            *ways,
            ("joint shock that liquidates", ", ".join(shocks) or "none"),
        ]

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:right'>{escape(value)}</td></tr>"
            for name, value in self.rows()
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table><caption>{escape(self.preset)}</caption>{cells}</table>{notes}"


def _words(value: float | None) -> str:
    """Number as a person reads it."""
    if value is None or math.isinf(value):
        return "infinite" if value is None or value > 0 else "none left"
    return f"{value:,.2f}"
