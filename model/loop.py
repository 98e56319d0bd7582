"""The compiled loop: it walks the program, a list of parts, block after block.

A part is a kernel `(state, part, step) -> int` with a row of `parts` and of `params` that say what
it acts on and with which numbers. The loop knows nothing else, so that adding a part compiles the
part alone. A round of liquidation is a jump back in the program.
"""

from crossmargin.model.bits import call_part
from crossmargin.model.kernel import kernel
from crossmargin.model.log import is_full, is_overrun
from crossmargin.model.state import LOG_FULL, NO_FAULT


@kernel(python=True)
def begin_step(state, step):
    """Clear what belongs to one step."""
    clock = state.clock[0]
    clock.step = step
    clock.round = 0
    clock.n_forced = 0
    state.log.cursor[0].step = step
    state.log.forced_volume[:] = 0


@kernel(python=True)
def is_due(state, part, step):
    """Tell whether a part runs now: its interval, and its round."""
    row = state.parts[part]
    if step % row.every != 0:
        return False
    return row.after_forced == 0 or state.clock[0].n_forced > 0


@kernel(python=True)
def next_part(state, part, result):
    """Part that follows: back to the start of the round where the part asks for another."""
    row = state.parts[part]
    if row.back >= 0 and result > 0:
        state.clock[0].round += 1
        state.clock[0].n_forced = 0
        return row.back
    return part + 1


@kernel(python=True)
def check_faults(state, part):
    """Set the fault of a log that was overrun; tell whether there is any fault."""
    clock = state.clock[0]
    if clock.fault == NO_FAULT and is_overrun(state.log):
        clock.fault = LOG_FULL
    if clock.fault != NO_FAULT:
        clock.fault_part = part
        return True
    return False


@kernel(python=True)
def run_blocks(program, state, first, last):
    """Run the blocks from `first` up to `last`; returns the block to go on with.

    It stops early when a chunk of the log should be sealed, or at a fault.

    Parameters
    ----------
    program : (n_parts,) int64
        Machine addresses of the parts.
    """
    for step in range(first, last):
        begin_step(state, step)
        part = 0
        while part < program.shape[0]:
            result = 0
            if is_due(state, part, step):
                result = call_part(program[part], state, part, step)
                if check_faults(state, part):
                    return step
            part = next_part(state, part, result)
        if is_full(state.log):
            return step + 1
    return last


@kernel(python=True)
def run_compiled(program, by_python, state, part, step):
    """Run the parts of a step from a place on; returns where Python takes over, or the fault is.

    Parameters
    ----------
    by_python : (n_parts,) bool
        Parts that Python runs.
    """
    while part < program.shape[0] and not by_python[part]:
        result = 0
        if is_due(state, part, step):
            result = call_part(program[part], state, part, step)
            if check_faults(state, part):
                return part
        part = next_part(state, part, result)
    return part


@kernel(python=True)
def run_part(program, state, part, step):
    """Run one part, for a loop that goes part by part."""
    return call_part(program[part], state, part, step)
