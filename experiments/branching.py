"""Pending Mesa events of a market, carried over to a branch of it."""

import math
from types import MethodType
from typing import Any

import mesa
from mesa.time import EventGenerator, Priority, Schedule
from mesa.time.events import Event

from crossmargin.model.errors import StateError


def restart_steps(market: Any) -> None:
    """Schedule the step of a market anew, from the next whole moment."""
    market._default_schedule.stop()
    market._default_schedule = EventGenerator(
        market,
        market._do_step,
        Schedule(interval=1.0, start=math.floor(market.time) + 1.0),
        priority=Priority.HIGH,
    ).start()


def copy_events(parent: Any, child: Any) -> None:
    """Give a branch the time and the pending events of its parent, bound to itself.

    Raises
    ------
    StateError
        When an event is bound to neither the market nor one of its agents.
    """
    child.time = parent.time
    restart_steps(child)
    for event in parent._event_list.peek_ahead(len(parent._event_list)):
        function = event.fn() if event.fn is not None else None
        if function is None or event.CANCELED:
            continue
        owner = getattr(function, "__self__", None)
        if isinstance(owner, EventGenerator):
            if owner is not parent._default_schedule:
                _copy_generator(owner, child)
        else:
            bound = rebound(function, parent, child)
            copy = Event(
                event.time,
                bound,
                Priority(event.priority),
                list(event.function_args),
                dict(event.function_kwargs),
            )
            child._event_list.add_event(copy)


def _copy_generator(generator: EventGenerator, child: Any) -> None:
    """Recurring event of the parent, from its next moment on, on the child."""
    function = generator.function()
    if function is None or not generator.is_active:
        return
    copy = EventGenerator(
        child, rebound(function, generator.model, child), generator.schedule, generator.priority
    )
    copy._active = True
    copy._execution_count = generator.execution_count
    child._event_generators.add(copy)
    copy._schedule_next(generator.next_scheduled_time)


def rebound(function: Any, parent: Any, child: Any) -> MethodType:
    """Same method of the child, or of the child's view of the same agent."""
    owner = getattr(function, "__self__", None)
    if owner is parent:
        return getattr(child, function.__name__)
    if isinstance(owner, mesa.Agent) and owner.model is parent:
        return getattr(child.trader(owner.row), function.__name__)
    raise StateError(
        f"branch: the pending event {getattr(function, '__qualname__', function)!r} is no method "
        "of this market or of its agents and would act on the parent; cancel it first"
    )
