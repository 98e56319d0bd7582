"""The stylised facts: what each measures, at which scale, in which band, and who says so.

A band is where the literature puts liquid markets, wide enough for their differences; an end that
is infinite is open. Bands that depend on the length of a sample are functions of it.

References
----------
Cont (2001), "Empirical properties of asset returns", Quantitative Finance 1(2),
doi:10.1080/713665670. Vyetrenko et al. (2020), "Get real: realism metrics for robust limit order
book market simulations", ICAIF, arXiv:1912.04941.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from crossmargin.experiments.calibration.moments import abs_acf, acf, hill, kurtosis
from crossmargin.experiments.validation import measures
from crossmargin.experiments.validation.measures import HOUR, MINUTE
from crossmargin.experiments.validation.observed import Observed

Band = tuple[float, float]
Measure = Callable[[Observed], float]
CONT = "Cont 2001, doi:10.1080/713665670"


class Fact(NamedTuple):
    """One stylised fact at one scale.

    Attributes
    ----------
    name : str, key in results
    title : str, for people
    seconds : float, scale; 0 is the block of the run
    measure : function of what was observed at that scale
    band : lowest and highest value
    source : str, of the band
    """

    name: str
    title: str
    seconds: float
    measure: Measure
    band: Band
    source: str


def noise_band(n: int) -> Band:
    """Autocorrelations that white noise of a length shows in 95 of 100 samples."""
    half = 1.96 / np.sqrt(max(1, n))
    return (-float(half), float(half))


def _both(name: str, title: str, measure: Measure, band: Band, source: str) -> list[Fact]:
    """Return a fact at one minute and at one hour."""
    return [
        Fact(f"{name}_1m", title, MINUTE, measure, band, source),
        Fact(f"{name}_1h", title, HOUR, measure, band, source),
    ]


def stylised_facts(days: float) -> list[Fact]:
    """Every fact that a run of some days is judged by, metaorders apart."""
    minutes, hours = int(days * 1440), int(days * 24)
    karpoff = "positive: Karpoff 1987, doi:10.2307/2330874; Cont 2001"
    spread = "positive: Wyart et al. 2008, doi:10.1080/14697680701344515"
    funding = "0.01% per 8 h is the venues' interest; clamp 0.05% (Binance, Hyperliquid docs)"
    return [
        *_both(
            "tail_index",
            "Tail index of |return| (Hill, 5%)",
            lambda seen: hill(seen.returns, 5.0),
            (2.0, 5.0),
            f"{CONT}; BTC about 2 to 3.5: arXiv:2009.06874, arXiv:2402.11930",
        ),
        *_both(
            "kurtosis",
            "Kurtosis of returns",
            lambda seen: kurtosis(seen.returns),
            (3.0, np.inf),
            f"above the normal's 3: {CONT}; recorded hourly BTC 12.2",
        ),
        Fact(
            "kurtosis_ratio",
            "Kurtosis at one hour over that",
            MINUTE,
            measures.kurtosis_ratio,
            (0.0, 1.0),
            f"falls with scale: {CONT}",
        ),
        Fact(
            "return_acf_1_1m",
            "Autocorrelation of returns, lag 1",
            MINUTE,
            lambda seen: acf(seen.returns, 1),
            (-0.3, 0.1),
            "negative from the bounce between bid and ask: Roll 1984, "
            "doi:10.1111/j.1540-6261.1984.tb03897.x; Cont 2001",
        ),
        Fact(
            "return_acf_20_1m",
            "Autocorrelation of returns, mean of lags 20 to 60",
            MINUTE,
            measures.mean_acf,
            noise_band(minutes),
            f"none beyond 20 minutes: {CONT}",
        ),
        Fact(
            "return_acf_1_1h",
            "Autocorrelation of returns, lag 1",
            HOUR,
            lambda seen: acf(seen.returns, 1),
            noise_band(hours),
            f"none: {CONT}",
        ),
        Fact(
            "abs_acf_1_1m",
            "Autocorrelation of |return|, lag 1",
            MINUTE,
            lambda seen: abs_acf(seen.returns, 1),
            (0.05, 0.6),
            f"0.1 to 0.5: {CONT}; Ding, Granger, Engle 1993, doi:10.1016/0927-5398(93)90006-D",
        ),
        Fact(
            "abs_acf_100_1m",
            "Autocorrelation of |return|, lag 100",
            MINUTE,
            lambda seen: abs_acf(seen.returns, 100),
            (noise_band(minutes)[1], 0.5),
            "still above noise: Cont 2001; Vyetrenko et al. 2020, arXiv:1912.04941",
        ),
        Fact(
            "abs_acf_decay_1m",
            "Decay of the autocorrelation of |return|, exponent",
            MINUTE,
            measures.volatility_memory,
            (0.1, 0.5),
            f"0.2 to 0.4: {CONT}; Liu et al. 1999, doi:10.1103/PhysRevE.60.1390",
        ),
        Fact(
            "abs_acf_1_1h",
            "Autocorrelation of |return|, lag 1",
            HOUR,
            lambda seen: abs_acf(seen.returns, 1),
            (0.05, 0.5),
            "recorded hourly BTC-USD 2024-25: 0.27",
        ),
        Fact(
            "abs_acf_24_1h",
            "Autocorrelation of |return|, lag 24",
            HOUR,
            lambda seen: abs_acf(seen.returns, 24),
            (0.02, 0.4),
            "recorded hourly BTC-USD 2024-25: 0.14",
        ),
        *_both(
            "volume_volatility",
            "Correlation of volume and |return|",
            measures.volume_volatility,
            (0.1, 1.0),
            karpoff,
        ),
        Fact(
            "sign_memory",
            "Decay of the autocorrelation of order signs, exponent",
            0.0,
            measures.sign_memory,
            (0.3, 0.8),
            "Lillo, Farmer 2004, doi:10.2202/1558-3708.1226; Bouchaud et al. 2004, "
            "doi:10.1080/14697680400000022; net flow of a block here",
        ),
        *_both(
            "spread_volatility",
            "Correlation of spread and |return|",
            measures.spread_volatility,
            (0.05, 1.0),
            spread,
        ),
        Fact(
            "depth_peak",
            "Densest part of the book, half spreads from the mid",
            MINUTE,
            measures.depth_peak,
            (1.0, np.inf),
            "away from the best: Bouchaud, Mézard, Potters 2002, doi:10.1088/1469-7688/2/4/301",
        ),
        Fact(
            "depth_tail",
            "Fall of depth with distance, exponent",
            MINUTE,
            measures.depth_tail,
            (1.3, 2.8),
            "1.6: Bouchaud, Mézard, Potters 2002; 2.5: Zovko, Farmer 2002, "
            "doi:10.1088/1469-7688/2/5/308",
        ),
        Fact(
            "basis",
            "Mean |mid - index| over index",
            MINUTE,
            measures.basis_size,
            (0.0, 0.001),
            "of the order of the funding clamp, 0.05%: venues' docs; He, Manela, Ross, "
            "von Wachter 2022, arXiv:2212.06888; the width is a choice",
        ),
        Fact(
            "basis_half_life",
            "Half-life of the basis, hours",
            MINUTE,
            measures.basis_half_life,
            (0.0, 8.0),
            "within a funding period: arXiv:2212.06888",
        ),
        Fact(
            "funding",
            "Mean funding rate, per 8 h",
            HOUR,
            measures.funding_level,
            (-5e-4, 5e-4),
            funding,
        ),
        Fact(
            "funding_positive",
            "Share of time with positive funding",
            HOUR,
            measures.funding_positive,
            (0.5, 1.0),
            "longs pay most of the time: the rate rests at +0.01% (venues' docs)",
        ),
        Fact(
            "funding_follows",
            "Correlation of funding with the basis of its hour",
            HOUR,
            measures.funding_follows,
            (0.0, 1.0),
            "the rate is made from the premium (venues' docs); arXiv:2212.06888",
        ),
    ]


#: Begins of the names of facts that a price alone can have.
OF_PRICE = ("tail_index", "kurtosis", "return_acf", "abs_acf")


def measure_path(seen: Observed, days: float) -> dict[str, float]:
    """Value that each fact of prices has on the price outside the venue alone."""
    if not len(seen.outside):
        return {}
    path = seen.path
    scales = {f.seconds: path.every(f.seconds) for f in stylised_facts(days) if is_of_price(f)}
    return {
        f.name: float(f.measure(scales[f.seconds])) for f in stylised_facts(days) if is_of_price(f)
    }


def is_of_price(fact: Fact) -> bool:
    """Tell whether a fact needs nothing but the price, so that a path alone can have it."""
    return fact.name.startswith(OF_PRICE)


def measure(seen: Observed, days: float) -> dict[str, float]:
    """Value of every fact; NaN where the record does not support one."""
    facts = stylised_facts(days)
    scales = {f.seconds: seen.every(f.seconds) if f.seconds else seen for f in facts}
    return {fact.name: float(fact.measure(scales[fact.seconds])) for fact in facts}
