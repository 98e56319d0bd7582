"""Libraries that come with an extra: a clear word to those who have not installed it."""

import importlib
from typing import Any

from crossmargin.model.errors import ScenarioError

#: Names under which some modules are installed, where those differ.
PACKAGES = {"sklearn": "scikit-learn"}


def need(module: str, extra: str = "analysis") -> Any:
    """Import a module of an extra.

    Raises
    ------
    ScenarioError
        When it is not installed; says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != top:
            raise
        package = PACKAGES.get(top, top)
        raise ScenarioError(
            f"{package} is not installed: pip install 'crossmargin[{extra}]'"
        ) from None
