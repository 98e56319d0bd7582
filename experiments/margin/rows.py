"""Tables by market or asset: each row begins from `default` and says what differs."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from crossmargin.experiments.schema import Table
from crossmargin.experiments.tables import Name


def spread(table: Any, rows: str) -> Any:
    """Give each row of a table what it leaves to the default."""
    if not isinstance(table, Mapping) or not isinstance(table.get("default"), Mapping):
        return table
    named = table.get(rows)
    if not isinstance(named, Mapping):
        return table
    default = table["default"]
    full = {
        name: {**default, **row} if isinstance(row, Mapping) else row for name, row in named.items()
    }
    return {**table, rows: full}


class ByMarket[Row](Table):
    """Numbers of a part by underlying."""

    default: Row | None = None
    market: dict[Name, Row] = Field(default_factory=dict)
    source: str = ""

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, table: Any) -> Any:
        return spread(table, "market")
