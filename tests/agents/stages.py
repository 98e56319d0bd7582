"""Stages for tests: a behaviour with chosen traits, block by block."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from crossmargin.agents.orders import write_orders
from crossmargin.agents.stage import BEHAVIOUR, FIRST, Stage, behaviour_home
from crossmargin.model.parts import find_part, slots
from crossmargin.model.state import Array


def stage(
    kind: Any,
    n_agents: int = 4,
    *,
    seed: int = 1,
    traits: Mapping[str, Any] | None = None,
    numbers: Mapping[str, float] | None = None,
) -> Stage:
    """Stage of a part (by name) or class, some traits and numbers set for all agents."""
    made = Stage(find_part(kind) if isinstance(kind, str) else kind, n_agents, seed)
    home = behaviour_home(made.world.parts[BEHAVIOUR] if isinstance(kind, str) else kind)
    for name, value in (traits or {}).items():
        made.world.state.crowd.traits[FIRST:, getattr(slots(home.Traits), name)] = value
    for name, value in (numbers or {}).items():
        made.world.state.params[BEHAVIOUR, getattr(slots(home.Parameters), name)] = value
    return made


def block(stage: Stage, step: int, half_price: int | None = None) -> Array:
    """Run one block up to the inbox and return it; the index may be set, in half ticks."""
    stage.open_block(step)
    if half_price is not None:
        markets = stage.world.state.ledger.markets
        markets["index"] = markets["mark"] = half_price
        stage._run(0, step)
    solo = stage.world.python_parts.get(BEHAVIOUR)
    if solo is None:
        stage.behave(step)
    else:
        for trader in solo.traders:
            write_orders(stage.world, trader, trader.decide(stage))
    return stage.messages()


def run(stage: Stage, blocks: int, first: int = 1) -> list[Array]:
    """Messages of some blocks, each traded and audited."""
    seen = []
    for step in range(first, first + blocks):
        seen.append(block(stage, step))
        stage.close_block(step)
        stage.world.audit()
    return seen


def sent(messages: list[Array]) -> Array:
    """All messages of some blocks in one array."""
    return np.concatenate(messages)
