"""The generated tables of model/README.md: state variables, and phases with their parts.

`python -m tests.odd` writes them anew; a test fails when they drift from the code.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.repository import ROOT, sources

README = ROOT / "model" / "README.md"
STATE = ROOT / "model" / "state.py"
KINDS = {"i": "int", "u": "uint", "f": "float"}


class Field(NamedTuple):
    name: str
    kind: str
    meaning: str


class Record(NamedTuple):
    name: str
    meaning: str
    fields: list[Field]


def comments(source: str) -> dict[int, str]:
    """Comment of each line that has one."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("#: ") for t in tokens if t.type == tokenize.COMMENT}


def assignments(source: str) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def field(node: ast.expr, meaning: str) -> Field:
    name, code, *shape = ast.literal_eval(node)
    kind = f"{KINDS[code[0]]}{8 * int(code[1:])}" if isinstance(node, ast.Tuple) else ""
    return Field(name, kind + "".join(f" {s}" for s in shape), meaning)


def lead(line: int, notes: dict[int, str]) -> str:
    """Comment that stands above a line."""
    return f"{lead(line - 1, notes)} {notes[line - 1]}".strip() if line - 1 in notes else ""


def named_shapes(node: ast.expr) -> ast.expr:
    """Put the name of a constant, as text, where a shape uses one."""
    for part in ast.walk(node):
        if isinstance(part, ast.Tuple):
            part.elts = [ast.Constant(e.id) if isinstance(e, ast.Name) else e for e in part.elts]
    return node


def records(source: str) -> list[Record]:
    """Every record of the state, in the order of its file."""
    notes = comments(source)
    found = []
    for name, value in assignments(source):
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "np.dtype":
            assert isinstance(value.args[0], ast.List)
            single = value.args[0].lineno == value.args[0].end_lineno
            fields = [
                field(named_shapes(e), "" if single else notes.get(e.end_lineno or 0, ""))
                for e in value.args[0].elts
            ]
            found.append(Record(name, lead(value.lineno, notes), fields))
    return found


def groups(source: str) -> list[Record]:
    """Every group of arrays, from the `Attributes` of its docstring."""
    found = []
    for node in ast.parse(source).body:
        text = ast.get_docstring(node) if isinstance(node, ast.ClassDef) else None
        if text and "Attributes\n" in text:
            meaning, _, rest = text.partition("Attributes\n")
            rest = re.sub(r"\n\s+", " ", rest.partition("\n")[2])
            pairs = (line.split(" : ", 1) for line in rest.splitlines() if " : " in line)
            fields = [Field(name, "", what) for name, what in pairs]
            found.append(Record(node.name, meaning.split("\n\n")[0].replace("\n", " "), fields))
    return found


def table(*rows: tuple[str, ...]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def state_tables() -> str:
    source = STATE.read_text()
    parts = []
    for group in groups(source):
        rows = [(f"`{f.name}`", f.meaning) for f in group.fields]
        parts.append(f"**{group.name}.** {group.meaning}\n\n{table(('array', 'what'), *rows)}")
    for record in records(source):
        rows3 = [(f"`{f.name}`", f.kind, f.meaning) for f in record.fields]
        title = f"<code>{record.name}</code>: {record.meaning or 'fields'}"
        parts.append(folded(title, table(("field", "type", "meaning"), *rows3)))
    return "\n\n".join(parts)


def phase_of(path: Path) -> str:
    """Phase of a part, or nothing for a file that is none."""
    for name, value in assignments(path.read_text()):
        if name == "PHASE" and isinstance(value, ast.Constant):
            return str(value.value)
    return ""


def summary(path: Path) -> str:
    """First sentence of a file's docstring."""
    text = ast.get_docstring(ast.parse(path.read_bytes())) or ""
    return text.split("\n\n")[0].replace("\n", " ")


def phases() -> list[str]:
    source = (ROOT / "model" / "parts.py").read_text()
    return list(ast.literal_eval(dict(assignments(source))["PHASES"]))


def phase_table() -> str:
    files = [path for folder in ("model", "agents") for path in sources(folder)]
    rows = [("", "phase", "part", "what it does")]
    for number, phase in enumerate(phases(), 1):
        parts = [path for path in files if phase_of(path) == phase]
        for n, path in enumerate(parts):
            place = path.relative_to(ROOT).with_suffix("").as_posix()
            first = (str(number), phase) if n == 0 else ("", "")
            rows.append((*first, f"`{place}`", summary(path)))
        if not parts:
            rows.append((str(number), phase, "", "no part as yet"))
    return table(*rows)


def written(text: str) -> str:
    """Text of the README with its generated tables renewed."""
    for name, body in {"state": state_tables(), "phases": phase_table()}.items():
        begin, end = f"<!-- generated: {name} -->", "<!-- end -->"
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n\n{body}\n\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
