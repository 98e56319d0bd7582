"""Pieces of HTML: everything that comes from a scenario or a frame is escaped here."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go


class Section(NamedTuple):
    """A part of the report: a chart or a sentence in its place, the numbers behind it."""

    name: str  # id in the page
    title: str
    caption: str  # what it shows and how to read it
    figure: go.Figure | None = None
    words: str = ""  # what to say without a figure; beside one, what its picture tells
    table: pd.DataFrame | None = None
    is_table: bool = False  # the table is the section and is not folded away


class Card(NamedTuple):
    """A headline number; its tone is `bad`, `text` for a word in its place, or nothing."""

    name: str
    value: str
    remark: str
    tone: str = ""


def paragraphs(text: str) -> str:
    """Turn blank lines into paragraphs."""
    parts = [" ".join(part.split()) for part in text.split("\n\n")]
    return "".join(f"<p>{escape(part)}</p>" for part in parts if part)


def table(frame: pd.DataFrame, caption: str = "") -> str:
    """Write a frame of words as a table that scrolls sideways on a narrow screen."""
    head = "".join(f'<th scope="col">{escape(str(c))}</th>' for c in frame.columns)
    lines = (map(str, row) for row in frame.itertuples(index=False))
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in lines)
    label = f' aria-label="{escape(caption)}"' if caption else ""
    return (
        f'<div class="scroll"{label} role="region" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    wide = ' class="wide"' if "," in text and len(text) > 24 else ""
    return f"<td{wide}>{escape(text)}</td>"


def strip(cards: Iterable[Card]) -> str:
    """Write headline numbers."""
    items = "".join(
        f'<li><small class="name">{escape(card.name)}</small>'
        f'<b class="{card.tone}">{escape(card.value)}</b><small>{escape(card.remark)}</small></li>'
        for card in cards
    )
    return f'<ul class="strip">{items}</ul>'


def contents(sections: Sequence[Section]) -> str:
    """Link the sections."""
    links = "".join(f'<li><a href="#{s.name}">{escape(s.title)}</a></li>' for s in sections)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def definitions(words: Mapping[str, str]) -> str:
    """List terms and what they mean."""
    items = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in words.items())
    return f"<dl>{items}</dl>"


def _chart(section: Section) -> str:
    label = escape(f"{section.title}. {section.words}".strip())
    height = int(section.figure.layout.height or 360) if section.figure is not None else 0
    place = f'<div class="chart" id="chart-{section.name}" style="height:{height}px"></div>'
    return f'<figure aria-label="{label}">{place}</figure>'


def _numbers(section: Section) -> str:
    if section.table is None or section.table.empty:
        return ""
    grid = table(section.table, section.title)
    if section.is_table:
        return grid
    return f"<details><summary>The numbers behind this chart</summary>{grid}</details>"


def section(part: Section) -> str:
    """Write a section: title, caption, chart or sentence, numbers."""
    caption = f'<p class="caption">{escape(part.caption)}</p>'
    if part.figure is not None:
        words = f"<p>{escape(part.words)}</p>" if part.words else ""
        inner = f"{words}{_chart(part)}{_numbers(part)}"
    else:
        empty = f'<p class="empty">{escape(part.words)}</p>' if part.words else ""
        inner = empty + _numbers(part)
    title = escape(part.title)
    return f'<section id="{part.name}"><h2>{title}</h2>{caption}{inner}</section>'
