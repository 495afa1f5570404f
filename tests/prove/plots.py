"""Plots as inline SVG: lines over time, with the faults as bands behind them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM = 1000, 210, 62, 12, 26
COLOURS = ("#0f766e", "#b45309", "#6d28d9", "#be123c", "#1d4ed8", "#4d7c0f")
POINTS = 600  # maximum points of one line; more are not visible


class Series(NamedTuple):
    """A line of a plot: seconds and values."""

    name: str
    points: Sequence[tuple[float, float]]


class Band(NamedTuple):
    """A fault behind the lines."""

    name: str
    start: float
    end: float


def plot(series: Sequence[Series], bands: Sequence[Band], unit: str, until: float) -> str:
    """Return the plot. Its vertical axis begins at 0."""
    top = _round_up(max((value for one in series for _, value in one.points), default=1.0) or 1.0)

    def x(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(at / until, 0.0), 1.0)

    def y(value: float) -> float:
        return 8 + (HEIGHT - BOTTOM - 8) * (1 - value / top)

    parts = [
        f'<rect class="band" x="{x(one.start):.1f}" y="8" width="{max(1.5, x(one.end) - x(one.start)):.1f}" '
        f'height="{HEIGHT - BOTTOM - 8}"><title>{escape(one.name)}, {one.start:.0f} to {one.end:.0f} s</title></rect>'
        for one in bands
    ]
    for step in range(5):
        value = top * step / 4
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        parts.append(
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{_short(value)} {escape(unit)}</text>'
        )
    parts += [
        f'<text x="{x(at):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{at:.0f} s</text>'
        for at in _ticks(until)
    ]
    for one, colour in zip(series, COLOURS * 3, strict=False):
        held = _thinned(one.points)
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in held)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{path}"/>')
    names = "".join(
        f'<span><i style="background:{colour}"></i>{escape(one.name)}</span>'
        for one, colour in zip(series, COLOURS * 3, strict=False)
    )
    return f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg><figcaption>{names}</figcaption></figure>'


def gantt(bands: Sequence[Band], until: float) -> str:
    """Return the faults, each in a row of its own."""
    row, left = 17, 150
    height = row * len(bands) + 24

    def x(at: float) -> float:
        return left + (WIDTH - left - RIGHT) * min(max(at / until, 0.0), 1.0)

    parts = [
        f'<line class="grid" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="0" y2="{height - 20}"/>'
        f'<text x="{x(at):.1f}" y="{height - 5}" text-anchor="middle">{at:.0f} s</text>'
        for at in _ticks(until)
    ]
    for number, one in enumerate(bands):
        top = number * row
        parts.append(f'<text x="{left - 8}" y="{top + 13}" text-anchor="end">{escape(one.name)}</text>')
        parts.append(
            f'<rect class="fault" x="{x(one.start):.1f}" y="{top + 3}" width="{max(3.0, x(one.end) - x(one.start)):.1f}" height="{row - 6}" rx="2"/>'
        )
    return f'<figure><svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg></figure>'


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return fewer points. Of the points that fall together, the highest remains, so no peak is lost."""
    step = -(-len(points) // POINTS) or 1
    return [
        max(points[start : start + step], key=lambda point: point[1]) for start in range(0, len(points), step)
    ]


def _ticks(until: float) -> list[int]:
    step = next(size for size in (5, 10, 30, 60, 120, 300, 600, 3600) if until / size <= 12 or size == 3600)
    return list(range(0, int(until) + 1, step))


def _round_up(value: float) -> float:
    scale = 1.0
    while scale * 10 <= value:
        scale *= 10
    while scale > value:
        scale /= 10
    return next(scale * factor for factor in (1, 2, 4, 6, 8, 10) if scale * factor >= value)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
