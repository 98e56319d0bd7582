"""Tables of a scenario that say how owners divide what they hold among accounts."""

from typing import Literal, Self

from pydantic import Field, model_validator

from crossmargin.experiments.tables import Name, Table, quantity


class TopUpTable(Table):
    """Automatic transfers from what an owner keeps apart to an account short of margin."""

    below: float = quantity(
        1.0, "multiple of maintenance", "Equity below this calls for one.", gt=0, le=100
    )
    to: float = quantity(1.0, "multiple of maintenance", "Equity after it.", gt=0, le=100)
    limit: float = quantity(
        1.0, "fraction", "Of the quote kept apart at the start; all of it by default.", ge=0, le=1
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.to < self.below:
            raise ValueError("to is smaller than below")
        return self


class Accounts(Table):
    """Whether the positions of an owner share collateral: one switch for all populations."""

    mode: Literal["as_stated", "cross", "isolated", "sub_portfolios"] = Field(
        default="as_stated",
        description="`as_stated`: what populations say; else the same for every owner.",
    )
    groups: dict[Name, tuple[Name, ...]] = Field(
        default_factory=dict,
        description="Perpetuals by sub-portfolio; one that none names stands alone.",
    )
    split: Literal["initial_margin", "idle"] = Field(
        default="initial_margin",
        description="What backs each account: all that the owner has pro rata to initial margin, "
        "or `posted` times its initial margin and the rest kept apart.",
    )
    posted: float = quantity(
        1.5,
        "multiple of initial margin",
        "Equity of an account at the start where the rest is kept apart.",
        source="default of its own: isolated positions are rarely opened at full leverage",
        ge=1,
        le=1000,
    )
    top_up: TopUpTable | None = None
    capital: float = quantity(
        1.0, "multiple", "Balances of owners with positions, over what was drawn.", gt=0, le=1000
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.mode == "sub_portfolios") != bool(self.groups):
            raise ValueError('groups: go with mode = "sub_portfolios", which needs them')
        if self.top_up is not None and self.split != "idle":
            raise ValueError('top_up: needs split = "idle", which keeps something apart')
        if self.mode == "as_stated" and (self.split, self.capital) != ("initial_margin", 1.0):
            raise ValueError('mode = "as_stated": divides nothing; name another mode')
        named = [name for names in self.groups.values() for name in names]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"groups: {twice[0]!r} stands in two of them")
        if empty := [name for name, names in self.groups.items() if not names]:
            raise ValueError(f"groups.{empty[0]}: names no market")
        return self
