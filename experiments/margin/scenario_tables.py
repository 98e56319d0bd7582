"""Tables of scenario margin: shocks, what is added to the worst of them, credits."""

from typing import Self

from pydantic import Field, model_validator

from crossmargin.experiments.margin.rows import ByMarket
from crossmargin.experiments.schema import Table, quantity
from crossmargin.experiments.tables import Name


class Tail(Table):
    """A scenario apart from the grid."""

    spot: float = quantity(..., "fraction", "Change of spot, or scan ranges.", ge=-10, le=100)
    vol: float = quantity(0.0, "moves", "Of volatility, up positive.", ge=-10, le=10)
    damping: float = quantity(1.0, "fraction", "Of the loss that counts.", ge=0, le=1)
    days: float = quantity(0.0, "days", "That pass.", ge=0, le=3650)


class VolatilityShock(Table):
    """How volatility moves."""

    up: float = quantity(0.0, "fraction", "Of a move up at thirty days.", ge=0, le=10)
    down: float = quantity(0.0, "fraction", "Of a move down at thirty days.", ge=0, le=10)
    short_power: float = quantity(0.0, "power", "Of 30 days over days to expiry.", ge=0, le=2)
    long_power: float = quantity(0.0, "power", "The same beyond thirty days.", ge=0, le=2)
    least_days: float = quantity(1.0, "days", "Shorter expiries move as this one.", gt=0, le=365)
    floor_up: float = quantity(0.0, "per root year", "Least volatility after a move up.", ge=0)
    adds: bool = Field(default=False, description="Moves add to volatility, else they multiply it.")
    source: str = ""


class Discount(Table):
    """What the shocked value of an expiry counts."""

    positive: float = quantity(1.0, "fraction", "Of a positive value.", ge=0, le=1)
    rate: float = quantity(0.0, "per year", "Interest rate.", ge=-1, le=1)
    rate_multiple: float = quantity(0.0, "multiple", "Of the rate, when positive.", ge=0, le=100)
    rate_add: float = quantity(0.0, "per year", "Added to it, when positive.", ge=0, le=10)
    negative: float = quantity(1.0, "multiple", "Of a negative value.", ge=0, le=10)
    source: str = ""


class Basis(Table):
    """Loss by a move of forwards against spot."""

    shock: float = quantity(0.0, "fraction", "Move of forwards.", ge=0, lt=1)
    a_year: float = quantity(0.0, "fraction per year", "Added for each year.", ge=0, le=1)
    weight: float = quantity(1.0, "fraction", "Of the loss that counts.", ge=0, le=10)
    weight_a_year: float = quantity(0.0, "fraction per year", "Added for each year.", ge=0)
    adds: bool = Field(
        default=False, description="Adds to the worst scenario, else the larger counts."
    )
    source: str = ""


class Charges(Table):
    """Contingencies: fractions of the index, of what is held."""

    perpetual: float = quantity(0.0, "fraction", "Of every perpetual.", ge=0, le=1)
    coin: float = quantity(0.0, "fraction", "Of coins.", ge=0, le=1)
    option: float = quantity(0.0, "fraction", "Of shorts, net by strike.", ge=0, le=1)
    offset: float = quantity(0.0, "fraction", "Of perpetuals that offset each other.", ge=0, le=1)
    calendar: float = quantity(0.0, "fraction", "Of deltas offset between expiries.", ge=0, le=1)
    option_minimum: float = quantity(0.0, "fraction", "Least, of each short.", ge=0, le=1)
    perpetual_minimum: float = quantity(0.0, "fraction", "Least, of each perpetual.", ge=0, le=1)
    source: str = ""


class Peg(Table):
    """Entry factor raised when the quote asset loses its peg."""

    threshold: float = quantity(0.98, "quote", "Price of the quote asset.", gt=0, le=1)
    factor: float = quantity(0.0, "multiple", "Added for each unit below.", ge=0, le=100)
    source: str = ""


class Distrust(Table):
    """Entry charge where a price feed is not trusted."""

    threshold: float = quantity(0.0, "fraction", "Confidence below which it is not.", ge=0, le=1)
    factor: float = quantity(0.0, "fraction", "Of the index, times one less confidence.", ge=0)
    source: str = ""


class Unit(Table):
    """Scenarios of one underlying."""

    spots: tuple[float, ...] = Field(default=(0.0,), description="Changes of spot, fractions.")
    vols: tuple[float, ...] = Field(
        default=(0.0,), description="Moves of volatility with each of them."
    )
    tails: tuple[Tail, ...] = ()
    scan_range: float = quantity(1.0, "multiple", "Of every change of spot.", gt=0, le=10)
    volatility: VolatilityShock = VolatilityShock()
    basis: Basis = Basis()
    charges: Charges = Charges()
    discount: Discount = Discount()
    source: str = ""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        moves = [*self.spots, *(tail.spot for tail in self.tails)]
        if any(not -1 < spot * self.scan_range <= 100 for spot in moves):
            raise ValueError("a change of spot leaves no price")
        if not moves:
            raise ValueError("needs a scenario")
        return self


class Credit(Table):
    """Credit between two underlyings."""

    one: Name
    other: Name
    of_one: float = quantity(1.0, "base", "Deltas of the one in a spread.", gt=0)
    of_other: float = quantity(1.0, "base", "Deltas of the other.", gt=0)
    rate: float = quantity(..., "fraction", "Of the risk of both legs.", ge=0, le=1)
    source: str = ""


class Step(Table):
    """Multiple of the least requirement."""

    above: float = quantity(..., "quote", "Raw charge above which it holds.", ge=0)
    multiple: float = quantity(..., "multiple", "Of the raw charge.", gt=0)


class Scenarios(ByMarket[Unit]):
    """Scenario margin."""

    initial_factor: float = quantity(1.0, "multiple", "Entry requirement over risk.", gt=0, le=10)
    maintenance_factor: float = quantity(1.0, "multiple", "Maintenance over risk.", gt=0, le=10)
    peg: Peg = Peg()
    distrust: Distrust = Distrust()
    steps: tuple[Step, ...] = ()
    credits: tuple[Credit, ...] = ()
