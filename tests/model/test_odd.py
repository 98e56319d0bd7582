"""The ODD protocol's tables say what the code says."""

import numpy as np

from crossmargin.model import state
from crossmargin.model.parts import PHASES
from tests import odd


def test_tables_are_up_to_date() -> None:
    text = odd.README.read_text()
    assert text.count("<!-- generated:") == 2
    assert odd.written(text) == text, "run `make odd`"


def test_every_field_of_every_record_is_in_the_tables() -> None:
    found = {
        record.name: [f.name for f in record.fields]
        for record in odd.records(odd.STATE.read_text())
    }
    dtypes = {name: value for name, value in vars(state).items() if isinstance(value, np.dtype)}
    assert found == {name: list(dtype.names or ()) for name, dtype in dtypes.items()}


def test_every_array_of_every_group_is_in_the_tables() -> None:
    for group in odd.groups(odd.STATE.read_text()):
        listed = [name for f in group.fields for name in f.name.split(", ")]
        assert listed == list(getattr(state, group.name)._fields), group.name


def test_phases_are_those_of_the_loop() -> None:
    assert odd.phases() == list(PHASES)
    assert all(f"| {phase} |" in odd.phase_table() for phase in PHASES)


def test_a_change_of_the_code_would_be_seen() -> None:
    source = """X = np.dtype(
        [
            ("a", "i8"),  # ticks
            ("b", "f8", (N,)),
        ]
    )"""
    fields = odd.records(source)[0].fields
    assert fields == [odd.Field("a", "int64", "ticks"), odd.Field("b", "float64 ('N',)", "")]
