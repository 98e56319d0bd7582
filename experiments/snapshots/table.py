"""The table `[snapshot]` of a scenario, and what the columns of a snapshot's files mean."""

from typing import Annotated, Literal

from pydantic import Field

from crossmargin.model.parts import Numbers, number

#: Names of the files of a folder.
PARAMETERS, ACCOUNTS, DEPTH = "market.toml", "accounts.parquet", "depth.csv"
#: Kind and population of accounts about which nothing else is said.
PASSIVE, UNLABELLED = "holders", "accounts"
#: Kind of the population that makes the depth curve.
PROVIDERS = "depth_providers"

#: Columns of `accounts.parquet`, one row an account. What stands before a colon is followed by the
#: name of an asset or of a market. A sub-account is an account.
COLUMNS = {
    "account": "text, required: its name, which no other row has",
    "population": "text: type of the account, as a [[population]] of market.toml; `accounts` "
    "where it is empty. A row of the venue itself has its name: fees, insurance, backstop, ...",
    "owner": "text: who owns it; accounts of one owner have one name here. By default each its own",
    "isolated_market": "text: the one market whose position its money backs; empty: cross margin",
    "balance:": "what it holds of an asset, whole units of the asset; without profit that is not "
    "realised. Of the quote asset it may be negative",
    "position:": "base quantity in a perpetual, long positive",
    "entry:": "mean price at which the position was opened, quote per base; empty without a "
    "position. Without the column positions count as opened at the mark",
    "outside:": "base quantity held elsewhere against the position, as a hedge; 0 without the "
    "column",
}
#: Columns of the long form, one row an account and asset or market; what is left out is 0.
LONG_COLUMNS = {
    "balances": ("account", "asset", "balance"),
    "positions": ("account", "market", "position", "entry"),
}
#: Columns of `depth.csv`, one row a market, side and distance.
DEPTH_COLUMNS = {
    "market": "text: name of a market",
    "side": "bid or ask",
    "distance_bps": "hundredths of a percent from the mid, above 0; of a bid below 10,000",
    "quantity": "base quantity that rests from the best price to this distance, cumulated",
}

Text = Annotated[str, Field(min_length=1)]


class Prices(Numbers):
    """Prices of a market at the moment of the snapshot; the first price where one is missing."""

    mark: float | None = number(None, "quote per base", above=0, doc="That margin uses.")
    index: float | None = number(None, "quote per base", above=0, doc="Of the oracle.")
    mid: float | None = number(None, "quote per base", above=0, doc="From which depth counts.")


class Depth(Numbers):
    """Who makes the depth curve: levels of one population, with capital of their own."""

    file: Text = Field(DEPTH, description="CSV in the folder.")
    population: Text = Field("depth", description="Its name; of kind `depth_providers`.")
    capital: float = number(
        1.0,
        "multiple of what a level quotes",
        low=1,
        high=1000,
        doc="Quote for its larger side, and coins for the ask of a spot market.",
    )
    points_between: int = number(
        0,
        "points",
        low=0,
        high=50,
        doc="Added in equal steps between two distances; with none all of the quantity between "
        "two distances stands at the farther one.",
    )


class Snapshot(Numbers):
    """Where accounts and depth at the start come from."""

    folder: Text = Field(".", description="Folder of the files, beside the scenario.")
    accounts: Text = Field(ACCOUNTS, description="One row an account; Parquet or CSV.")
    balances: Text | None = Field(None, description="Balances in long form; Parquet or CSV.")
    positions: Text | None = Field(None, description="Positions in long form; Parquet or CSV.")
    columns: dict[str, Text] = Field(
        default_factory=dict, description="Names of columns here to those in the file of accounts."
    )
    negative_equity: Literal["refuse", "keep"] = Field(
        "refuse", description="What happens to accounts that owe more than they have."
    )
    market: dict[str, Prices] = Field(default_factory=dict, description="Prices by market.")
    depth: Depth | None = Field(None, description="Without it books are empty at the start.")
    digest: str = Field("", description="Hash of the files when it was imported; empty: any.")
