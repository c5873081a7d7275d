"""A drawing of series on two logarithmic axes, as SVG; knows nothing of what is drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 520
LEFT, RIGHT, TOP, BOTTOM = 80, 30, 60, 70
# Readable by people who see no red or no green, and apart in print by their marks.
COLOURS = ("#0072b2", "#d55e00", "#009e73")
MARKS = ("circle", "square", "triangle")


@dataclass(frozen=True)
class Series:
    """Points above 0, by x."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Axis:
    """Whole decades around the values, on ``first`` to ``last`` pixels."""

    low: int
    high: int
    first: float
    last: float

    @classmethod
    def around(cls, values: Sequence[float], first: float, last: float) -> _Axis:
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return cls(low, max(high, low + 1), first, last)

    def at(self, value: float) -> float:
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.first + part * (self.last - self.first)

    @property
    def decades(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def drawn(title: str, x_label: str, y_label: str, series: Sequence[Series]) -> str:
    """The drawing; the same points, the same text."""
    points = [point for each in series for point in each.points]
    x = _Axis.around([point[0] for point in points], LEFT, WIDTH - RIGHT)
    y = _Axis.around([point[1] for point in points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(WIDTH / 2, 26, title, size=16),
        *_grid(x, y),
        _text(WIDTH / 2, HEIGHT - 18, x_label),
        f'<g transform="rotate(-90 20 {HEIGHT / 2})">{_text(20, HEIGHT / 2, y_label)}</g>',
    ]
    for index, each in enumerate(series):
        parts += _line(each, x, y, index)
        parts += _legend(each, index)
    return "\n".join([*parts, "</svg>", ""])


def _grid(x: _Axis, y: _Axis) -> list[str]:
    parts = []
    for value in x.decades:
        at = x.at(value)
        parts.append(f'<path d="M{at:.1f} {y.first:.1f}V{y.last:.1f}" stroke="#ddd"/>')
        parts.append(_text(at, y.first + 20, f"{value:,.10g}"))
    for value in y.decades:
        at = y.at(value)
        parts.append(f'<path d="M{x.first:.1f} {at:.1f}H{x.last:.1f}" stroke="#ddd"/>')
        parts.append(_text(x.first - 8, at + 4, f"{value:,.10g}", anchor="end"))
    return parts


def _line(series: Series, x: _Axis, y: _Axis, index: int) -> list[str]:
    colour = COLOURS[index % len(COLOURS)]
    places = [(x.at(a), y.at(b)) for a, b in series.points]
    path = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    parts = [f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for (a, b), (_, value) in zip(places, series.points, strict=True):
        parts.append(_mark(a, b, index))
        parts.append(_text(a, b - 10, f"{value:.3g}", size=11))
    return parts


def _legend(series: Series, index: int) -> list[str]:
    at = TOP + 18 + 20 * index
    return [_mark(LEFT + 18, at, index), _text(LEFT + 32, at + 4, series.name, anchor="start")]


def _mark(a: float, b: float, index: int) -> str:
    colour = COLOURS[index % len(COLOURS)]
    match MARKS[index % len(MARKS)]:
        case "circle":
            return f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{colour}"/>'
        case "square":
            return f'<rect x="{a - 4:.1f}" y="{b - 4:.1f}" width="8" height="8" fill="{colour}"/>'
        case _:
            return f'<path d="M{a:.1f} {b - 5:.1f}l5 9h-10z" fill="{colour}"/>'


def _text(a: float, b: float, words: str, *, anchor: str = "middle", size: int = 13) -> str:
    return f'<text x="{a:.1f}" y="{b:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'
