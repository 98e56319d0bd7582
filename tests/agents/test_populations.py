"""What holds for every population that trades by taking: sound, numbers told, cheap when idle."""

import importlib

import pytest

from crossmargin import check_agent
from crossmargin.model.state import N_MEMORY, N_TRAITS
from tests.agents.stages import block, stage

KINDS = (
    "basis_traders",
    "hedgers",
    "leverage_funds",
    "manipulators",
    "skew_arbitrageurs",
    "stale_arbitrageurs",
    "trend_funds",
)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_sound(kind: str) -> None:
    """Valid orders, nothing else written, the same when run again and beside one agent more."""
    check_agent(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_unit_and_meaning_of_its_numbers(kind: str) -> None:
    home = importlib.import_module(f"crossmargin.agents.{kind}")
    for record in (home.Parameters, home.Traits):
        for name, field in record.model_fields.items():
            extra = field.json_schema_extra
            assert extra["unit"], name
            assert field.description or extra["source"] or name in ("slippage", "size"), name
    assert len(home.Traits.model_fields) <= N_TRAITS <= 2 * N_MEMORY
    assert "References" in home.__doc__


@pytest.mark.parametrize("kind", KINDS)
def test_agents_differ(kind: str) -> None:
    """Every trait that is a distribution is drawn for each agent."""
    home = importlib.import_module(f"crossmargin.agents.{kind}")
    made = stage(kind, 40)
    traits = made.world.state.crowd.traits[-40:]
    for t, (name, field) in enumerate(home.Traits.model_fields.items()):
        if not isinstance(field.default, int | float):
            assert len(set(traits[:, t])) > 1, name
    block(made, 1)
