"""What all tables of a scenario share: frozen, unknown keys refused, numbers with their unit."""

from typing import Annotated, Any

from pydantic import Field

from crossmargin.model.parts import Record

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _+.-]*$", max_length=40)]
PartTable = dict[str, Any]


def quantity(default: Any, unit: str, doc: str, **limits: Any) -> Any:
    """Field with a unit; limits are pydantic's `ge`, `gt`, `le`, `lt`."""
    source = limits.pop("source", "")
    extra = {"unit": unit, "source": source}
    return Field(default, description=doc, json_schema_extra=extra, allow_inf_nan=False, **limits)


class Table(Record):
    """Base of all tables of a scenario."""
