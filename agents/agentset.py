"""All rows of a market as a Mesa agent set: columns of arrays, views made when looked at."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from mesa.agentset import AbstractAgentSet, GroupBy
from numpy.typing import NDArray

from crossmargin.agents.columns import column, is_column
from crossmargin.agents.trader import Trader
from crossmargin.model.errors import StateError


class Rows(AbstractAgentSet):  # type: ignore[misc]
    """Agents of a market, or some of them. A million cost one array of row numbers.

    `agg` and `get` of a column (see `agents/columns.py`) work on arrays; what takes a function of
    an agent makes views one by one. Selections, sorts and shuffles are of the same kind.

    Parameters
    ----------
    model : Market
    rows : (n,) int64, optional
        All rows that belong to a population by default.
    """

    def __init__(self, model: Any, rows: Any = None) -> None:
        self.model, self.random = model, model.random
        if rows is None:
            rows = np.flatnonzero(model.world.state.ledger.accounts["population"] >= 0)
        self.rows: NDArray[np.int64] = np.asarray(rows, np.int64)

    def _like(self, agents: Iterable[Trader]) -> "Rows":
        return Rows(self.model, np.array([agent.row for agent in agents], np.int64))

    def _from_iterable(self, agents: Iterable[Trader]) -> "Rows":
        return self._like(agents)

    def _update(self, agents: Iterable[Trader]) -> "Rows":
        self.rows = self._like(agents).rows
        return self

    def _placed(self, rows: NDArray[np.int64], inplace: bool) -> "Rows":
        if not inplace:
            return Rows(self.model, rows)
        self.rows = rows
        return self

    def __len__(self) -> int:
        """Number of agents."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Trader]:
        """Views, one by one."""
        return (self.model.trader(int(row)) for row in self.rows)

    def __contains__(self, agent: object) -> bool:
        """Tell whether an agent's row is in the set."""
        if not isinstance(agent, Trader) or agent.model is not self.model:
            return False
        return bool(np.any(self.rows == agent.row))

    def __getitem__(self, place: Any) -> Any:
        """View at a place, or a list of views."""
        if isinstance(place, slice):
            return list(Rows(self.model, self.rows[place]))
        return self.model.trader(int(self.rows[place]))

    def to_list(self) -> list[Trader]:
        """Views of all agents."""
        return list(self)

    def copy(self) -> "Rows":
        """Set of the same agents that changes on its own."""
        return Rows(self.model, self.rows.copy())

    __copy__ = copy

    # Columns ----------------------------------------------------------------------------------

    def get(
        self,
        attr_names: str | list[str],
        handle_missing: str = "error",
        default_value: Any = None,
    ) -> Any:
        """Values of an attribute, an array for a column; a list of lists for several names."""
        if not isinstance(attr_names, str):
            each = [self.get(name, handle_missing, default_value) for name in attr_names]
            return [list(values) for values in zip(*each, strict=True)]
        if is_column(attr_names):
            return column(self.model.world, attr_names, self.rows)
        if handle_missing == "default":
            return [getattr(agent, attr_names, default_value) for agent in self]
        if handle_missing != "error":
            raise ValueError(f"handle_missing is {handle_missing!r}, not 'error' or 'default'")
        return [getattr(agent, attr_names) for agent in self]

    def set(self, attr_name: str, value: Any) -> "Rows":
        """Refuse: a view is made anew each time, and what a row holds only the market changes."""
        raise StateError(f"{attr_name!r} cannot be set on rows; set attributes on market.solo")

    def select(
        self,
        filter_func: Any = None,
        at_most: float = float("inf"),
        inplace: bool = False,
        agent_type: type | None = None,
    ) -> "Rows":
        """Agents that pass a filter: a function of an agent, or an array of booleans, one a row."""
        rows = self.rows
        if isinstance(filter_func, np.ndarray):
            rows, filter_func = rows[filter_func], None
        is_share = isinstance(at_most, float) and at_most <= 1.0
        most = int(min(len(self), len(self) * at_most if is_share else at_most))
        if filter_func is not None or agent_type is not None:
            kind, passes = agent_type or object, filter_func or (lambda agent: True)
            views = Rows(self.model, rows)
            found = (agent.row for agent in views if isinstance(agent, kind) and passes(agent))
            rows = np.fromiter(islice(found, most), np.int64)
        return self._placed(rows[:most], inplace)

    def groupby(self, by: Callable[[Trader], Any] | str, result_type: str = "agentset") -> GroupBy:
        """Groups by a column or a function of an agent, in order of their first member."""
        values = self.get(by) if isinstance(by, str) else [by(agent) for agent in self]
        groups: dict[Any, list[int]] = {}
        for row, value in zip(self.rows, np.asarray(values).tolist(), strict=True):
            groups.setdefault(value, []).append(row)
        made = {key: Rows(self.model, rows) for key, rows in groups.items()}
        return GroupBy(made if result_type == "agentset" else {k: list(s) for k, s in made.items()})

    # Order ------------------------------------------------------------------------------------

    def sort(
        self, key: Callable[[Trader], Any] | str, ascending: bool = False, inplace: bool = False
    ) -> "Rows":
        """Agents by a column or a function of an agent; equal ones keep their order."""
        values = list(self.get(key) if isinstance(key, str) else map(key, self))
        order = sorted(range(len(values)), key=values.__getitem__, reverse=not ascending)
        return self._placed(self.rows[np.array(order, np.int64)], inplace)

    def shuffle(self, inplace: bool = False) -> "Rows":
        """Agents in random order, drawn from the model's own generator."""
        order = list(range(len(self)))
        self.random.shuffle(order)
        return self._placed(self.rows[np.array(order, np.int64)], inplace)

    # Calls ------------------------------------------------------------------------------------

    def map(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Result of a method, or of a function of an agent, for each."""
        if isinstance(method, str):
            return [getattr(agent, method)(*args, **kwargs) for agent in self]
        return [method(agent, *args, **kwargs) for agent in self]

    def do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> "Rows":
        """Call a method, or a function of an agent, for each."""
        self.map(method, *args, **kwargs)
        return self

    def shuffle_do(self, method: str | Callable[..., Any], *args: Any, **kwargs: Any) -> "Rows":
        """Call a method for each in random order."""
        self.shuffle().map(method, *args, **kwargs)
        return self

    def add(self, agent: Trader) -> None:
        """Refuse: the rows of a market are fixed when it is built."""
        raise StateError("rows of a market are fixed; add agents in the scenario")

    def discard(self, agent: Trader) -> None:
        """Refuse: the rows of a market are fixed when it is built."""
        raise StateError("rows of a market are fixed; change the scenario")

    remove = discard
