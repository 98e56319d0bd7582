"""What all tables of a scenario share: frozen, unknown keys refused, numbers with their unit."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from crossmargin.model.parts import number_only

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _+.-]*$", max_length=40)]
PartTable = dict[str, Any]


def quantity(default: Any, unit: str, doc: str, **limits: Any) -> Any:
    """Field with a unit; limits are pydantic's `ge`, `gt`, `le`, `lt`."""
    source = limits.pop("source", "")
    extra = {"unit": unit, "source": source}
    return Field(default, description=doc, json_schema_extra=extra, allow_inf_nan=False, **limits)


class Table(BaseModel):
    """Base of all tables: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values(cls, value: Any, info: ValidationInfo) -> Any:
        return number_only(cls, value, info)
