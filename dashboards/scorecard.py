"""The page of a scorecard: one HTML file that needs nothing else, in the look of the reports."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crossmargin.dashboards import page
from crossmargin.dashboards.document import document
from crossmargin.dashboards.figures import scorecard as figures
from crossmargin.dashboards.figures.words import duration, plural
from crossmargin.experiments.validation.cli import is_small, number, path_words, span
from crossmargin.experiments.validation.impact import LATER, shares_left
from crossmargin.experiments.validation.observed import EDGES
from crossmargin.experiments.validation.scorecard import fact_titles

MARKS = {"passes": "✓ passes", "fails": "✗ fails", "undecided": "? undecided"}
KINDS = {
    "fitted": "fitted",
    "given": "given by the scenario",
    "predicted": "predicted",
}
WORDS = {
    "Interval": "95% of the mean over seeds (Student), for metaorders of a bootstrap over seeds.",
    "Band": "Where the literature puts liquid markets; its source stands beside it.",
    "Passes, fails, undecided": "The interval lies inside the band, outside of it, or across one "
    "of its ends; also undecided is what the record does not support.",
    "Fitted, given, predicted": "The scenario's numbers were chosen to meet the record; the "
    "scenario contains it; or nobody looked at it when the scenario was written.",
    "Path alone": "The same measured on the price outside the venue, arbitrageurs' push on it "
    "included. A fact that the path has by itself comes with it; what only the mid has is the "
    "market's.",
    "Null": "The same market with one cause taken away. A fact that stays is not owed to it.",
    "n": "Runs, or metaorders, that an interval comes from.",
    "Metaorder": "A large order sent in slices. Its impact is the difference between two runs that "
    "differ by it alone.",
}
Card = Mapping[str, Any]


def write_scorecard(card: Card, path: str | Path) -> Path:
    """Write the page of a scorecard to a file.

    Parameters
    ----------
    card : dict
        What `validation.scorecard.scorecard` returned.
    path : str or Path
        Where the HTML goes; the folder must exist.
    """
    path = Path(path)
    path.write_text(scorecard_html(card), encoding="utf-8")
    return path


def scorecard_html(card: Card) -> str:
    """Return a scorecard as one HTML page."""
    title = f"Scorecard of {card['scenario']}"
    parts = [*_facts(card), *_impact(card), _book(card), _nulls(card), *_events(card)]
    return document(title, _header(card), parts, _footer(card))


def _header(card: Card) -> str:
    plan, versions = card["plan"], card["versions"]
    length, part = (duration(86400 * plan[key]) for key in ("days", "impact_days"))
    facts = (
        f"Scenario {card['scenario']} · {plural(plan['seeds'], 'seed')} of {length} simulated · "
        f"metaorders in {part} of each · crossmargin "
        f"{versions['crossmargin']}, numpy {versions['numpy']}, numba {versions['numba']}"
    )
    notes = "".join(f"<p><b>Changed for the judgement.</b> {escape(n)}.</p>" for n in card["notes"])
    return (
        f"<h1>{escape(f'Does {card["scenario"]} behave like a market?')}</h1>"
        f"<p>{escape(card['title'])}. Stylised facts against bands of the literature, on simulated "
        "reference paths; impact of large orders; what is left when a cause is taken away; and "
        f"documented crashes beside the model's.</p>{notes}"
        f'<p class="facts">{escape(facts)}</p>{page.strip(_cards(card))}'
        f'<p class="short"><b>In short.</b> {escape(_in_short(card))}</p>'
    )


def _cards(card: Card) -> list[page.Card]:
    total = len(card["facts"])
    tones = {"fails": "bad"}
    cards = [
        page.Card(f"facts {word}", str(n), f"of {total}", tones.get(word, "") if n else "")
        for word, n in _counted(card).items()
    ]
    rows = _predicted(card)
    met = sum(row["verdict"] == "passes" for row in rows)
    cards.append(page.Card("records predicted", f"{met} of {len(rows)}", "of documented crashes"))
    return cards


def _counted(card: Card) -> dict[str, int]:
    words = {"passes": "that pass", "fails": "that fail", "undecided": "undecided"}
    return {words[key]: int(n) for key, n in card["tally"].items()}


def _predicted(card: Card) -> list[Mapping[str, Any]]:
    simulated = (event for event in card["events"] if event["simulated"])
    return [row for event in simulated for row in event["rows"] if row["kind"] == "predicted"]


def _in_short(card: Card) -> str:
    def named(verdict: str) -> list[str]:
        return [f"{r['title']}, {r['scale']}" for r in card["facts"] if r["verdict"] == verdict]

    failing, open_ones = named("fails"), named("undecided")
    first = f"Fails: {'; '.join(failing)}." if failing else "No fact fails."
    return first + (f" {len(open_ones)} more cannot be decided." if open_ones else "")


def _row(row: Mapping[str, Any]) -> dict[str, str]:
    small = is_small(row["band"])
    return {
        "fact": row["title"],
        "scale": row["scale"],
        "verdict": MARKS[row["verdict"]],
        "mean": number(row["mean"], small),
        "95% interval": span((row["low"], row["high"]), small),
        "path alone": path_words(row, small),
        "band": span(row["band"], small),
        "n": str(row["n"]),
    }


def _sources(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Band and source of every fact, one row for those that share both."""
    lines = [
        (row["title"], span(row["band"], is_small(row["band"])), row["source"]) for row in rows
    ]
    return pd.DataFrame(list(dict.fromkeys(lines)), columns=["fact", "band", "from"])


def _facts(card: Card) -> list[page.Section]:
    rows = card["facts"]
    return [
        page.Section(
            "facts",
            "Stylised facts",
            "Mean over seeds with its 95% interval against the band of the literature. A fact is "
            "judged by its interval, never by its mean alone.",
            None,
            "",
            pd.DataFrame([_row(row) for row in rows]),
            True,
        ),
        page.Section(
            "bands",
            "Where the facts lie",
            "Each interval on a scale of its own: the grey strip is the band, open bands are drawn "
            "as wide as their end, and what lies far outside is cut at the edge. Below: where the "
            "bands come from.",
            figures.bands_figure(rows),
            "",
            _sources(rows),
        ),
    ]


def _orders(card: Card) -> np.ndarray:
    rows = [[np.nan if v is None else v for v in row] for row in card["orders"]["rows"]]
    return np.array(rows, float).reshape(-1, len(card["orders"]["columns"]))


def _impact(card: Card) -> list[page.Section]:
    orders = _orders(card)
    known = {row["name"]: row for row in card["facts"]}
    if len(orders) < 8:
        words = "Too few metaorders were finished within the runs."
        return [page.Section("impact", "Impact of metaorders", IMPACT, None, words)]
    exponent, factor = known["impact_exponent"], known["impact_factor"]
    left = shares_left(orders)
    table = pd.DataFrame(
        {"minutes after": [f"{x / 60:g}" for x in LATER], "left": [number(float(x)) for x in left]}
    )
    return [
        page.Section(
            "impact",
            "Impact of metaorders",
            IMPACT,
            figures.impact_figure(orders, exponent["mean"], factor["mean"]),
            f"{len(orders)} metaorders; exponent {number(exponent['mean'])}, 95% interval "
            f"{span((exponent['low'], exponent['high']))}, band 0.4 to 0.7.",
        ),
        page.Section(
            "decay",
            "Decay of impact",
            "Mean impact some time after the last slice over that at the end. The grey strip is "
            "what the literature allows.",
            figures.decay_figure([x / 60 for x in LATER], [float(x) for x in left]),
            "",
            table,
        ),
    ]


IMPACT = (
    "An investor who knows nothing of the book joins the market and sends large orders in slices. "
    "Impact is the log difference between the mid with and without it, same draws otherwise. No "
    "agent is told the law; the line is fitted to the means."
)


def _book(card: Card) -> page.Section:
    return page.Section(
        "book",
        "Shape of the book",
        "What rests at which distance from the mid, both sides, mean of hourly looks.",
        figures.book_figure(EDGES.tolist(), [v or 0.0 for v in card["profile"]]),
    )


def _nulls(card: Card) -> page.Section:
    titles = fact_titles(card["plan"]["days"])
    small = {row["name"]: is_small(row["band"]) for row in card["facts"]}
    columns = {"fact": list(titles.values())}
    for null in card["nulls"]:
        rows = {row["name"]: row for row in null["facts"]}
        columns[null["title"]] = [_null_cell(rows[name], small[name]) for name in titles]
    plan = card["plan"]
    meanings = " ".join(f"{n['title']}: {n['meaning']}" for n in card["nulls"] if n["meaning"])
    return page.Section(
        "nulls",
        "Null markets",
        f"Seeds: {plan['null_seeds']}, of {duration(86400 * plan['null_days'])} each, so intervals "
        f"are wider than above. {meanings}",
        None,
        "",
        pd.DataFrame(columns),
        True,
    )


def _null_cell(row: Mapping[str, Any], small: bool) -> str:
    if row["low"] is None:
        return number(row["mean"], small)
    return f"{number(row['mean'], small)} ± {number(row['high'] - row['mean'], small)}"


def _events(card: Card) -> list[page.Section]:
    return [_event(event) for event in card["events"]]


def _event(event: Mapping[str, Any]) -> page.Section:
    rows: Sequence[Mapping[str, Any]] = event["rows"]
    table = pd.DataFrame(
        {
            "measure": [row["title"] for row in rows],
            "model": [number(row["mean"]) for row in rows],
            "95% interval": [span((row["low"], row["high"])) for row in rows],
            "on record": [_recorded(row) for row in rows],
            "": [KINDS[row["kind"]] for row in rows],
            "verdict": [MARKS[row["verdict"]] for row in rows],
            "record from": [row["source"] for row in rows],
        }
    )
    title = f"Crash: {event['title']}"
    if not event["simulated"]:
        table = table.drop(columns=["model", "95% interval", "verdict", ""])
        words = f"There is no scenario {event['scenario']!r} yet to compare with; the record alone:"
        return page.Section(event["name"], title, words, None, "", table, True)
    caption = (
        f"{plural(event['runs'], 'run')} of the scenario {event['scenario']} beside the record."
    )
    drawn = [row for row in rows if abs(row["band"][1]) <= 2.0]
    return page.Section(
        event["name"], title, caption, figures.events_figure(drawn), "", table, False
    )


def _recorded(row: Mapping[str, Any]) -> str:
    low, high = row["band"]
    return number(low) if low == high else span((low, high))


def _footer(card: Card) -> str:
    command = (
        f"crossmargin scorecard {card['scenario']} --seeds {card['plan']['seeds']} "
        f"--days {card['plan']['days']:g} --report"
    )
    return (
        f"<h2>Words</h2>{page.definitions(WORDS)}"
        "<p>Made by a model, not a record of real accounts. "
        f"Again: <code>{escape(command)}</code>.</p>"
    )
