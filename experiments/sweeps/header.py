"""`plan.json` of a sweep's folder: what stands in the folder, and whether a plan may add to it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crossmargin.experiments.sweeps.files import tables, write_atomically
from crossmargin.experiments.sweeps.plan import Plan
from crossmargin.model.errors import ScenarioError

NAME = "plan.json"
#: What a plan may say anew about a folder without becoming another plan.
WORDS = {"name", "title", "story", "sources", "errors"}


@dataclass(frozen=True)
class Header:
    """Content of `plan.json`.

    Attributes
    ----------
    plan : dict
    scenario_digest : str
        Of the runs in the folder.
    model_version : str
        Version of the model that began the folder.
    versions, machine : dict
        Of the first process that wrote here.
    created : str
        Time, ISO.
    folders : list of str
        Where modules of the user lie.
    other_versions : list of str
        Further versions of the model that added runs because they were told to; the identity of a
        run carries the one that made it.
    """

    plan: dict[str, Any]
    scenario_digest: str
    model_version: str
    versions: dict[str, str]
    machine: dict[str, str]
    created: str
    folders: list[str]
    other_versions: list[str]

    @property
    def model_versions(self) -> tuple[str, ...]:
        """All versions of the model whose runs the folder may hold, in the order they came."""
        return tuple(dict.fromkeys((self.model_version, *self.other_versions)))

    def write(self, folder: Path) -> None:
        """Write it to a folder."""
        text = json.dumps(asdict(self), indent=2) + "\n"
        write_atomically(folder / NAME, text.encode())


def new_header(plan: Plan, digest: str, version: str, folders: Sequence[str]) -> Header:
    """Header of a plan on this machine."""
    from crossmargin.experiments.store import machine, versions

    return Header(
        plan=plan.model_dump(mode="json"),
        scenario_digest=digest,
        model_version=version,
        versions=versions(),
        machine=machine(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        folders=list(folders),
        other_versions=[],
    )


def read_header(folder: Path) -> Header:
    """Header of a folder.

    Raises
    ------
    ScenarioError
        When the folder holds no sweep, or its `plan.json` is broken.
    """
    path = folder / NAME
    if not folder.is_dir():
        raise ScenarioError(f"{folder}: there is no such folder")
    if not path.is_file():
        raise ScenarioError(f"{folder}: holds no sweep; there is no {NAME}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        fields = {"folders": [], "other_versions": []} | found
        return Header(**{name: fields[name] for name in Header.__dataclass_fields__})
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise ScenarioError(f"{path}: is no record of a sweep: {error}") from None


def plan_of(header: Header) -> Plan:
    """Plan of a folder, as it was checked when it was written."""
    return Plan.model_validate(header.plan)


def admit(folder: Path, new: Header, *, other_version: bool) -> Header:
    """Header under which a plan may add runs to a folder.

    Raises
    ------
    ScenarioError
        When the folder holds runs of something else, with what differs and what to do.
    """
    if not (folder / NAME).is_file():
        if tables(folder, "runs"):
            raise ScenarioError(f"{folder}: holds runs and no {NAME}: whose they are is unknown")
        return new
    old = read_header(folder)
    _same(folder, "scenario or function", old.scenario_digest, new.scenario_digest)
    for key in ("factor", "keep", "seeds"):
        _same(folder, key, *(_facts(header.plan, key) for header in (old, new)))
    kept = replace(new, created=old.created, versions=old.versions, machine=old.machine)
    kept = replace(kept, other_versions=old.other_versions, model_version=old.model_version)
    if new.model_version in old.model_versions:
        return kept
    if not other_version:
        raise ScenarioError(
            f"{folder}: was made by version {old.model_version} of the model, this is "
            f"{new.model_version}: choose another folder, or --other-version to keep the runs that "
            "are there and do what is missing with this one"
        )
    return replace(kept, other_versions=[*old.other_versions, new.model_version])


def _facts(plan: dict[str, Any], key: str) -> Any:
    table = plan.get(key)
    return sorted(row["path"] for row in table) if key == "factor" and table else table


def _same(folder: Path, key: str, old: Any, new: Any) -> None:
    if old != new:
        raise ScenarioError(
            f"{folder}: holds a sweep of another plan: {key} was {_short(old)} and is "
            f"{_short(new)}; choose another folder"
        )


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 200 else text[:197] + "..."


def is_extended(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Tell whether two plans of one folder differ in more than words."""
    return any(old.get(key) != new.get(key) for key in {*old, *new} - WORDS)


def check_members(folder: Path, stored: set[str], planned: Iterable[str]) -> None:
    """Refuse a plan that has not all the runs of a folder: it is another one, and not larger.

    Raises
    ------
    ScenarioError
        With the number of runs that it lacks.
    """
    strangers = stored.difference(planned)
    if strangers:
        raise ScenarioError(
            f"{folder}: holds a sweep of another plan: {len(strangers)} of its {len(stored)} runs "
            "are not in this one. More replications, and more points of a grid, list, CSV or "
            "Sobol design go into the same folder; anything else goes into another"
        )
