"""The report of a proof: one page without external files."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Sequence
from html import escape

from tests.cloud.observe import percentile
from tests.prove.judge import RECOVERED, Ran, growth, promises
from tests.prove.plan import KINDS
from tests.prove.plots import Band, Series, gantt, plot

STYLE = """
:root { color-scheme: light dark; --ink: #1c1917; --paper: #fff; --faint: #78716c; --line: #e7e5e4; --bad: #be123c; --good: #0f766e; --band: #f59e0b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e5e4; --paper: #1c1917; --faint: #a8a29e; --line: #44403c; --bad: #fb7185; --good: #5eead4; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 1040px; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: .2rem } h2 { margin: 2rem 0 .4rem; font-size: 1.15rem } p { margin: .3rem 0 } .faint { color: var(--faint) }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 } th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.n, th.n, td:first-child { white-space: nowrap } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } .kept { color: var(--good); font-weight: 600 } .broken { color: var(--bad); font-weight: 600 }
figure { margin: .4rem 0 } svg { width: 100%; height: auto; font: 11px system-ui, sans-serif } svg text { fill: var(--faint) } .grid { stroke: var(--line) }
.band { fill: var(--band); opacity: .1 } .fault { fill: var(--band); opacity: .8 } figcaption span { margin-right: 1.2rem; font-size: 13px } figcaption i { display: inline-block; width: 12px; height: 3px; margin-right: 6px; vertical-align: middle }
"""


CAUGHT_UP = (
    '<p class="faint">When each was done and undone, in seconds from the first record. Caught up: how long after it was '
    f"mended no record waited for more than {RECOVERED:g} s.</p>"
)


def page(ran: Ran) -> str:
    """Return the page."""
    held = promises(ran)
    broken = [one for one in held if not one.kept]
    verdict = (
        '<span class="kept">every promise was kept</span>'
        if not broken
        else f'<span class="broken">{len(broken)} of {len(held)} promises were broken</span>'
    )
    title = f"Proof, seed {ran.seed}"
    parts = [
        f"<h1>{title}</h1><p>{ran.summary.put:,} records in {ran.seconds:.0f} s, {len(ran.injured)} faults: {verdict}.</p>",
        _how(ran),
        "<h2>Promises</h2>",
        _table(("", "promise", "figures"), _promises(ran)),
        "<h2>Faults</h2>",
        CAUGHT_UP,
        gantt(_bands(ran), _until(ran)),
        _table(("fault", "from", "to", "caught up after", "what happened"), _faults(ran), numbers=(1, 2, 3)),
        "<h2>Lag of the log stream</h2>",
        '<p class="faint">Age of the oldest record that analyze had not done. Bands are faults.</p>',
        plot([Series("oldest record", [(one.at, one.oldest) for one in ran.lag])], _bands(ran), "s", _until(ran)),
        "<h2>Records</h2>",
        plot(
            [Series("put", [(one.at, one.put) for one in ran.lag]), Series("done", [(one.at, one.done) for one in ran.lag])],
            _bands(ran), "", _until(ran),
        ),
        "<h2>Lag of the incidents stream</h2>",
        '<p class="faint">Messages that diagnose and alert had not done.</p>',
        plot(
            [Series(name, [(one.at, one.waiting.get(name, 0)) for one in ran.lag]) for name in ("diagnose", "alert")],
            _bands(ran), "", _until(ran),
        ),
        "<h2>Memory</h2>",
        '<p class="faint">Resident memory of each function, the sum over its processes. A drop is a process that was killed or replaced.</p>',
        plot(_memory(ran), _bands(ran), "MB", _until(ran)),
        _table(("function", "longest life", "peak", "last", "slope", "kept"), _growth(ran), numbers=(1, 2, 3, 4)),
        "<h2>Figures</h2>",
        _table(("what", "how much"), _figures(ran), numbers=(1,)),
    ]  # fmt: skip
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style><body>{''.join(parts)}</body></html>"
    )


def _how(ran: Ran) -> str:
    again = f"python -m tests.prove --seconds {ran.asked:g} --rate {ran.rate:g} --faults {len(ran.planned)} --seed {ran.seed}"
    return (
        f'<p class="faint">{time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())}, Python {platform.python_version()}, '
        f"{ran.rate:g} lines a second. The same with: {again}{''.join(f' --fault {name}' for name in ran.only)}</p>"
    )


def _promises(ran: Ran) -> Iterator[Sequence[str]]:
    for one in promises(ran):
        mark = '<span class="kept">kept</span>' if one.kept else '<span class="broken">broken</span>'
        yield mark, escape(one.name), escape(one.said)


def _faults(ran: Ran) -> Iterator[Sequence[str]]:
    for one in ran.injured:
        after = '<span class="broken">never</span>' if one.recovered is None else f"{one.recovered:.0f} s"
        said = KINDS[one.kind].what + (f" ({one.detail})" if one.detail else "")
        yield one.kind, f"{one.at:.0f} s", f"{one.until:.0f} s", after, escape(said)


def _growth(ran: Ran) -> Iterator[Sequence[str]]:
    for one in growth(ran.memory):
        flat = {True: "yes", False: '<span class="broken">no</span>', None: "lived too short to say"}[
            one.flat
        ]
        mb = f"{one.peak:.0f} MB", f"{one.last:.0f} MB", f"{one.slope:+.1f} MB/min"
        yield one.function, f"{one.lived:.0f} s", *mb, flat


def _figures(ran: Ran) -> Iterator[Sequence[str]]:
    done = ran.summary
    late = [one.oldest for one in ran.lag]
    yield "records put, of them poison", f"{done.put:,}, {done.poison:,}"
    yield "events of incidents", f"{sum(one.events for one in done.incidents.values()):,}"
    yield "alerts sent", f"{len(done.alerts):,}"
    yield (
        "put to alert, p50 and p95",
        f"{percentile(done.latencies, 0.5):.1f} s, {percentile(done.latencies, 0.95):.1f} s",
    )
    yield (
        "age of the oldest record, p50, p95, most",
        ", ".join(
            f"{value:.1f} s"
            for value in (percentile(late, 0.5), percentile(late, 0.95), max(late, default=0.0))
        ),
    )
    yield "model calls, different questions", f"{done.model_calls}, {done.model_questions}"
    yield "an incident in the table, the mean", f"{ran.item_bytes:,.0f} bytes"
    yield from ((f"asked: {name}", f"{count:,}") for name, count in sorted(ran.calls.items()) if count > 20)
    yield from ((name, f"{value:,}") for name, value in sorted(done.counts.items()))


def _memory(ran: Ran) -> list[Series]:
    names = sorted({one.function for one in ran.memory})
    sums: dict[tuple[str, float], float] = {}
    for one in ran.memory:
        sums[one.function, one.at] = sums.get((one.function, one.at), 0.0) + one.held
    return [
        Series(name, [(at, held) for (of, at), held in sorted(sums.items()) if of == name]) for name in names
    ]


def _bands(ran: Ran) -> list[Band]:
    return [Band(one.kind, one.at, one.until) for one in ran.injured]


def _until(ran: Ran) -> float:
    return max([ran.seconds, *(one.at for one in ran.lag)])


def _table(heads: Sequence[str], rows: Iterator[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return a table. Cells are HTML already."""
    classes = [' class="n"' if place in numbers else "" for place in range(len(heads))]
    head = "".join(f"<th{classes[place]}>{escape(name)}</th>" for place, name in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(f"<td{classes[place]}>{cell}</td>" for place, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
