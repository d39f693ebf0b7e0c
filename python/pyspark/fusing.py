"""Adjacent steps as one loop: what a worker runs for map, filter, flatMap and their like is one
generated function, and functions that are one expression are written into it."""

from functools import lru_cache

from pyspark import recognised, steps


def _call(f, number):
    """An expression for f(x), and what it needs by name."""
    separator = recognised.cut_at(f)
    if f is recognised.CUT:
        return "split(x)", {"split": f}  # of nothing but text
    if separator is not None:
        return (f"x.split({separator!r})" if separator else "x.split()"), {}
    paired = recognised.paired_with(f)
    if paired is not None:
        return f"(x, {paired})", {}
    return f"f{number}(x)", {f"f{number}": f}


class _Line:
    """How a step is written; `deeper`: what follows is inside of its loop."""

    def __init__(self, text, deeper=False):
        self.text = text
        self.deeper = deeper


_WRITTEN = {
    steps.Map: _Line("x = {call}"),
    steps.FlatMap: _Line("for x in {call}:", True),
    steps.Filter: _Line("if {call}:", True),
    steps.MapValues: _Line("k, x = x; x = (k, {call})"),
    steps.FlatMapValues: _Line("k, x = x\nfor x in {call}:\n    x = (k, x)"),
    steps.KeyBy: _Line("x = ({call}, x)"),
}


@lru_cache(256)
def _compiled(source):
    return compile(source, "<fused steps>", "exec")


def fused(row_steps, last=None):
    """One step that does what all of `row_steps` do, then `last` (a step that combines pairs)."""
    names, lines, indent = {}, [], 2
    for number, step in enumerate(row_steps):
        call, needed = _call(step.arguments[0], number)
        names.update(needed)
        written = _WRITTEN[type(step)]
        for line in written.text.format(call=call).split("\n"):
            lines.append("    " * indent + line)
        if written.deeper:
            indent += 1
        elif type(step) is steps.FlatMapValues:
            indent += 1
    if last is None:
        lines.append("    " * indent + "yield x")
        source = "def run(partition, rows):\n    for x in rows:\n" + "\n".join(lines) + "\n"
    else:
        source, more = last.written("\n".join(lines), "    " * indent)
        names.update(more)
    exec(_compiled(source), names)
    return names["run"]


def _fusible(step):
    return type(step) in _WRITTEN


def runnable(all_steps):
    """The steps as fewer ones: runs of those that work row by row become one."""
    made, waiting = [], []
    for step in all_steps:
        if _fusible(step):
            waiting.append(step)
            continue
        if isinstance(step, steps.Combining):
            made.append(fused(waiting, step))
            waiting = []
            continue
        if waiting:
            made.append(fused(waiting) if len(waiting) > 1 else waiting[0])
            waiting = []
        made.append(step)
    if waiting:
        made.append(fused(waiting) if len(waiting) > 1 else waiting[0])
    return made
