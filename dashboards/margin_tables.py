"""Tables of the calculator's page: numbers as a person reads them, nothing where there is none."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from crossmargin.experiments.margin.report import MarginReport

#: What stands in a cell without a number.
NONE = "–"
GREEKS = ("delta", "gamma", "vega", "theta", "rho")


def money(value: Any) -> str:
    """Write an amount to the cent."""
    return NONE if _is_missing(value) else f"{value:,.2f}"


def figure(value: Any) -> str:
    """Write a number in at most five significant figures, without an exponent."""
    if _is_missing(value):
        return NONE
    if value == 0:
        return "0"
    digits = max(0, 4 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(digits, 12)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: Any) -> str:
    """Write a fraction as a signed percentage."""
    if _is_missing(value):
        return NONE
    return f"{100 * value:+,.4g}%" if value else "0%"


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def positions_table(report: "MarginReport") -> pd.DataFrame:
    """What each position brings, without its Greeks."""
    names = ("value", "equity", "initial_margin", "maintenance_margin", "free_collateral")
    rows = [
        {
            "position": row["position"],
            "size": figure(row["size"]),
            "price": figure(row["price"]),
            **{name.replace("_", " "): money(row[name]) for name in names},
        }
        for row in report.positions
    ]
    return pd.DataFrame(rows)


def greeks_table(report: "MarginReport") -> pd.DataFrame:
    """Greeks of the account by underlying, then of each option."""
    rows: list[Mapping[str, Any]] = [
        {"of": f"all in {name}", **row} for name, row in report.greeks.items()
    ]
    rows += [{"of": row["position"], **row} for row in report.positions if "gamma" in row]
    return pd.DataFrame(
        [{"of": row["of"], **{name: figure(row[name]) for name in GREEKS}} for row in rows]
    )


def scenarios_table(report: "MarginReport") -> pd.DataFrame:
    """Gain under every scenario; what the table leaves the same in all rows is left out."""
    rows = [
        {
            "underlying": row["underlying"],
            "price": percent(row["spot"]),
            "volatility moves": f"{row['vol']:+g}" if row["vol"] else "0",
            "share that counts": percent(row["damping"]).lstrip("+"),
            "days": figure(float(row["days"])),
            "gain": money(row["pnl"]),
            "counts": money(row["counted"]),
            "": "binds" if row["binding"] else "",
        }
        for row in report.scenarios
    ]
    table = pd.DataFrame(rows)
    same = [n for n in ("share that counts", "days") if table[n].nunique() == 1]
    return table.drop(columns=same)


def curve_table(curve: pd.DataFrame) -> pd.DataFrame:
    """Every fifth point of a curve, in words."""
    rows = curve.iloc[::5]
    columns = {name: rows[name].map(money) for name in curve.columns if name != "move"}
    return pd.DataFrame({"move": rows["move"].map(lambda x: percent(round(x, 9))), **columns})
