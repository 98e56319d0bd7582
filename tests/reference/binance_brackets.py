"""Published brackets of Binance's BTCUSDT, written down once.

Source: binance.com, leverage and margin of USDT-margined futures (notional caps, rates, amounts),
and updates to leverage and margin tiers of 18 March 2021 (largest leverage).
"""

#: Notional to which a bracket reaches, maintenance rate, maintenance amount, largest leverage.
BRACKETS = (
    (50e3, 0.004, 0.0, 125),
    (250e3, 0.005, 50.0, 100),
    (1e6, 0.01, 1_300.0, 50),
    (10e6, 0.025, 16_300.0, 20),
    (20e6, 0.05, 266_300.0, 10),
    (50e6, 0.1, 1_266_300.0, 5),
    (100e6, 0.125, 2_516_300.0, 4),
    (200e6, 0.15, 5_016_300.0, 3),
    (300e6, 0.25, 25_016_300.0, 2),
    (500e6, 0.5, 100_016_300.0, 1),
)
