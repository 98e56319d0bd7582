"""Functions of the user's that a plan names as `module:name`, so that any worker finds them."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crossmargin.experiments.explain import did_you_mean
from crossmargin.model.errors import ParameterError


def function_name(function: Any) -> Any:
    """`module:qualname` of a function; anything that is no function is returned as it came.

    Raises
    ------
    ValueError
        When a worker could not import it: a lambda, one within a function, one of a notebook.
    """
    if not callable(function):
        return function
    name = getattr(function, "__qualname__", None)
    if name is None:
        raise ValueError(f"{function!r}: is no function of a module, which a worker could import")
    if "<" in name:
        raise ValueError(
            f"{name}: a worker cannot import it; define the function at the top of a module"
        )
    module = function.__module__
    return f"{_script_module() if module == '__main__' else module}:{name}"


def _script_module() -> str:
    """Name under which a worker can import the script that this process runs."""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    stem = Path(file).stem if file else ""
    found = importlib.util.find_spec(stem) if stem.isidentifier() else None
    if file and found and found.origin and Path(found.origin).resolve() == Path(file).resolve():
        return stem
    raise ValueError("a worker cannot import what a notebook defines: put it into a module")


def find_function(name: str, where: str = "function") -> Callable[..., Any]:
    """Return the function that `module:name` says.

    Raises
    ------
    ParameterError
        With the key, the name and what is wrong with it.
    """
    module, colon, attribute = name.partition(":")
    if not colon or not attribute or not all(map(str.isidentifier, module.split("."))):
        raise ParameterError(f"{where} = {name!r}: write module:function")
    try:
        found: Any = importlib.import_module(module)
    except Exception as error:  # a module of the user's may break in any way
        reason = str(error) if isinstance(error, ImportError) else repr(error)
        raise ParameterError(f"{where} = {name!r}: cannot be imported: {reason}") from error
    for word in attribute.split("."):
        if not hasattr(found, word):
            public = [key for key in vars(found) if not key.startswith("_")]
            hint = did_you_mean(word, public) if hasattr(found, "__dict__") else ""
            raise ParameterError(f"{where} = {name!r}: there is no {word!r}; {hint}")
        found = getattr(found, word)
    if not callable(found):
        raise ParameterError(f"{where} = {name!r}: is no function")
    return found


@contextmanager
def importing_from(folder: str | Path | None) -> Iterator[None]:
    """Modules beside a plan can be imported within the block; installed ones come first."""
    place = str(folder) if folder is not None else None
    if place is None or place in sys.path:
        yield
        return
    sys.path.append(place)
    try:
        yield
    finally:
        if place in sys.path:
            sys.path.remove(place)
