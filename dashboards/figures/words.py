"""Numbers as people read them: $1.2M, 3.4%, 2 h 10 min."""

import math

#: What must stand beside every share of the ledger that is shown to a person.
ACCOUNTING = "share of the accounting, not of the cause"

_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def _figures(value: float) -> str:
    """Three significant figures, without an exponent or trailing zeros."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short(value: float) -> str:
    """Write a number in at most three figures and a suffix: 12.3k, 4.56M."""
    if not math.isfinite(value):
        return "–"
    sign, size = "−" if value < 0 else "", abs(value)
    for scale, suffix in _SUFFIXES:
        if size >= 0.9995 * scale:
            return f"{sign}{_figures(size / scale)}{suffix}"
    return f"{sign}{_figures(size)}" if size >= 0.005 else "0"


def money(value: float) -> str:
    """Write an amount of the quote currency: $1.2M, −$340."""
    text = short(value)
    return "−$" + text[1:] if text.startswith("−") else text if text == "–" else "$" + text


def price(value: float) -> str:
    """Write a price per unit: $58,123, $3.42, $0.0123."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    digits = 0 if size >= 1000 else 2 if size >= 1 else 4
    return f"{'−' if value < 0 else ''}${size:,.{digits}f}"


def price_format(value: float) -> str:
    """d3 format of an axis on which prices stand near a value."""
    return ",.0f" if value >= 1000 else ",.2f" if value >= 1 else ",.4f"


def share(value: float) -> str:
    """Write a fraction as a percentage: 3.4%, 0.05%."""
    if not math.isfinite(value):
        return "–"
    size = abs(100 * value)
    digits = 0 if size >= 100 or size == 0 else 1 if size >= 1 else 2
    return f"{'−' if value < 0 else ''}{size:.{digits}f}%"


def count(value: float) -> str:
    """Write a count with thousands separated: 10,000."""
    return f"{int(value):,}" if math.isfinite(value) else "–"


def plural(value: float, noun: str) -> str:
    """Write a count and its noun: 1 account, 12 accounts."""
    return f"{count(value)} {noun}{'' if int(value) == 1 else 's'}"


def duration(seconds: float) -> str:
    """Write a time span: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{_figures(seconds)} s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min" + (f" {rest} s" if rest and minutes < 10 else "")
    large, small, big, little = (
        (3600, 60, "h", "min") if seconds < 86400 else (86400, 3600, "d", "h")
    )
    whole, rest = divmod(round(seconds / small), large // small)
    return f"{whole} {big}" + (f" {rest} {little}" if rest else "")
