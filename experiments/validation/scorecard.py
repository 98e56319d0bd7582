"""The scorecard of a scenario: stylised facts, impact of metaorders, nulls, documented crashes."""

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crossmargin.experiments.load import load_scenario
from crossmargin.experiments.run import begin, simulate
from crossmargin.experiments.schema import Scenario
from crossmargin.experiments.store import scenario_hash, versions
from crossmargin.experiments.validation import events, impact, judging
from crossmargin.experiments.validation.facts import measure, measure_path, stylised_facts
from crossmargin.experiments.validation.nulls import NULLS, Null
from crossmargin.experiments.validation.observed import (
    Observed,
    first_perpetual,
    run_observed,
)
from crossmargin.experiments.validation.plan import Plan, check, synthetic
from crossmargin.experiments.validation.tasks import answered, in_threads, is_answered


def with_length(scenario: Scenario, days: float) -> Scenario:
    """Return a scenario that runs for some days."""
    steps = round(days * 86400.0 / scenario.run.block_seconds)
    return load_scenario(scenario, {"run.steps": steps})


def observed_run(scenario: Scenario, seed: int, null: Null | None = None) -> Observed:
    """Run a scenario, or a null of it, and look at its first perpetual."""
    world, _ = begin(null.scenario(scenario) if null else scenario, seed)
    if null:
        null.prepare(world, seed)
    return run_observed(world, scenario.run.steps, first_perpetual(world))


def facts_of_run(scenario: Scenario, seed: int, plan: Plan) -> dict[str, Any]:
    """Facts of one run, of its first days, and of the metaorders paired with it."""
    long = with_length(scenario, plan.days)
    world, _ = begin(long, seed)
    market = first_perpetual(world)
    seen = run_observed(world, long.run.steps, market)
    del world  # days of record, before another world makes its own
    short = with_length(scenario, plan.impact_days)
    orders = impact.metaorders_of(
        short, seed, short.run.steps, market, seen.first(plan.impact_days)
    )
    start = seen.first(plan.null_days)
    return {
        "facts": measure(seen, plan.days),
        "path": measure_path(seen, plan.days),
        "start": measure(start, plan.null_days),
        "orders": orders,
        "profile": seen.profile.tolist(),
    }


def _tasks(scenario: Scenario, plan: Plan) -> list[tuple[Mapping[str, Any], Callable[[], Any]]]:
    """Every run that is needed: what it answers, and the function that does."""
    content = scenario.model_dump(mode="json", exclude={"name", "title", "story", "sources"})
    lengths = [plan.days, plan.impact_days, plan.null_days]
    found: list[tuple[Mapping[str, Any], Callable[[], Any]]] = [
        (
            {"kind": "facts", "seed": seed, "lengths": lengths, "scenario": content},
            functools.partial(facts_of_run, scenario, seed, plan),
        )
        for seed in range(plan.seeds)
    ]
    short = with_length(scenario, plan.null_days)
    for null in NULLS:
        for seed in range(plan.null_seeds):
            question = {"kind": null.name, "seed": seed, "days": plan.null_days}
            found.append(
                (
                    question | {"scenario": content},
                    functools.partial(_null_facts, short, seed, null, plan.null_days),
                )
            )
    for event in filter(events.has_scenario, events.read_events()):
        content = load_scenario(event.scenario).model_dump(mode="json")
        for seed in range(plan.event_seeds):
            question = {"kind": "event", "name": event.name, "seed": seed, "scenario": content}
            found.append((question, functools.partial(events.simulate_event, event, seed)))
    return found


def _compile(scenario: Scenario, kinds: set[str]) -> None:
    """Compile what some kinds of runs need, once, before threads ask for the same."""
    names = [event.scenario for event in events.read_events() if events.has_scenario(event)]
    if kinds - {"event"}:
        market = next(row.name for row in scenario.market if row.kind != "spot")
        simulate(impact.with_investor(scenario, market, 1e6), seed=0, steps=1)
    for name in names if "event" in kinds else ():
        simulate(name, seed=0, steps=1)


def _null_facts(scenario: Scenario, seed: int, null: Null, days: float) -> dict[str, float]:
    return measure(observed_run(scenario, seed, null), days)


def scorecard(
    scenario: str | Path | Scenario | Mapping[str, Any] = "calm",
    plan: Plan | None = None,
    *,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Judge a scenario by what the literature says of markets and what crashes left on record.

    Parameters
    ----------
    scenario : str, Path, Scenario or mapping
        What the stylised facts are judged on; recorded paths are replaced.
    plan : Plan
        How much is run.
    threads : int
        Runs at a time.
    progress : callable, optional
        Called with the number of runs done and of all.

    Returns
    -------
    dict
        Ready for JSON: `facts`, `nulls`, `events`, `tally`, `notes`; what is not finite is None.

    Raises
    ------
    ScenarioError, ParameterError
        When the scenario cannot be judged.
    """
    plan = plan or Plan()
    given = load_scenario(scenario)
    check(given, plan)
    found, notes = synthetic(given)
    began = time.perf_counter()
    tasks = _tasks(found, plan)
    _compile(found, {q["kind"] for q, _ in tasks if not is_answered(q)})
    done = iter(range(1, len(tasks) + 1))
    results = in_threads(
        [functools.partial(answered, question, answer) for question, answer in tasks],
        threads,
        lambda: progress(next(done), len(tasks)) if progress else None,
    )
    named = [(question, result) for (question, _), result in zip(tasks, results, strict=True)]
    answer = _assembled(given, plan, named) | {"notes": notes}
    answer["wall_seconds"] = round(time.perf_counter() - began, 2)
    return dict(judging.plain(answer))


def _assembled(
    scenario: Scenario, plan: Plan, named: list[tuple[Mapping[str, Any], Any]]
) -> dict[str, Any]:
    """Scorecard from the results of all runs."""
    runs = [result for question, result in named if question["kind"] == "facts"]
    rows = judging.fact_rows(
        [run["facts"] for run in runs], plan.days, [run["path"] for run in runs]
    )
    orders = [row for run in runs for row in run["orders"]]
    table = np.array(orders, float).reshape(-1, len(impact.COLUMNS))
    seeds = np.repeat(np.arange(len(runs)), [len(run["orders"]) for run in runs])
    rows += judging.impact_rows(impact.fit(table, seeds))
    found_events = [
        judging.event_rows(
            event,
            [r for q, r in named if q["kind"] == "event" and q["name"] == event.name],
        )
        for event in events.read_events()
    ]
    tally = {v: sum(row["verdict"] == v for row in rows) for v in judging.VERDICTS}
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "scenario_hash": scenario_hash(scenario),
        "plan": {
            "seeds": plan.seeds,
            "days": plan.days,
            "impact_days": plan.impact_days,
            "null_seeds": plan.null_seeds,
            "null_days": plan.null_days,
            "event_seeds": plan.event_seeds,
        },
        "versions": versions(),
        "tally": tally,
        "facts": rows,
        "orders": {"columns": list(impact.COLUMNS), "rows": table.tolist()},
        "profile": np.mean([run["profile"] for run in runs], axis=0).tolist(),
        "nulls": _null_rows(plan, runs[: plan.null_seeds], named),
        "events": found_events,
    }


def _null_rows(
    plan: Plan, runs: list[Any], named: list[tuple[Mapping[str, Any], Any]]
) -> list[dict[str, Any]]:
    """Facts of the scenario and of each null, over the same seeds and days."""
    kinds = [("scenario", "As it is", "", [run["start"] for run in runs])]
    for null in NULLS:
        values = [r for q, r in named if q["kind"] == null.name]
        kinds.append((null.name, null.title, null.meaning, values))
    return [
        {
            "name": name,
            "title": title,
            "meaning": meaning,
            "facts": [
                {key: row[key] for key in ("name", "mean", "low", "high", "verdict")}
                for row in judging.fact_rows(values, plan.null_days)
            ],
        }
        for name, title, meaning, values in kinds
    ]


def fact_titles(days: float) -> dict[str, str]:
    """Title of every stylised fact by its name, with its scale."""
    return {
        fact.name: f"{fact.title}, {judging.scale_words(fact.seconds)}"
        for fact in stylised_facts(days)
    }
