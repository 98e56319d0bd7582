"""One portfolio under several presets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crossmargin.experiments.margin.evaluate import evaluate_margin
from crossmargin.experiments.margin.portfolio import Portfolio, load_portfolio
from crossmargin.experiments.margin.presets import flat, load_preset
from crossmargin.model.errors import ParameterError


def compare_margin(
    portfolio: "str | Path | Portfolio | Mapping[str, Any]",
    presets: Sequence[str],
    overrides: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """Reports of a portfolio by preset; one that cannot hold it has the key `not_possible`.

    Overrides of the portfolio and of the caller are those of the first preset.

    Raises
    ------
    ScenarioError, ParameterError
        When a preset is not known, or the portfolio is possible under none of them.
    """
    found = load_portfolio(portfolio)
    bare = found.model_copy(update={"overrides": {}})
    load_preset(presets[0], {**flat(found.overrides), **flat(overrides or {})})
    rows: dict[str, dict[str, Any]] = {}
    failed: list[ParameterError] = []
    for place, name in enumerate(presets):
        load_preset(name)  # an unknown name is an error, not a venue that cannot hold it
        try:
            report = evaluate_margin(*((found, name, overrides) if place == 0 else (bare, name)))
            rows[name] = report.to_dict()
        except ParameterError as error:
            failed.append(error)
            rows[name] = {"preset": name, "not_possible": str(error)}
    if len(failed) == len(rows):
        raise failed[0]
    return rows
