"""Charts as inline SVG, drawn here so that a page needs neither scripts nor anything from elsewhere.

Colours are the page's own (classes ``before`` and ``after``), so a chart follows light, dark and paper.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 720
_LABEL, _VALUE = 150, 110  # room for names on the left, figures on the right
_BAR, _GAP = 14, 12
_HEIGHT, _FOOT, _HEAD = 190, 40, 18
_WIDE = 22  # a column that has room for its figure
_MOST_DAYS = 24  # columns; what lies beyond counts in the last


@dataclass(frozen=True, slots=True)
class Pair:
    """What a chart shows for one name: two values, and how they are written."""

    label: str
    before: float
    after: float
    texts: tuple[str, str]


def supplier_bars(before: Mapping[str, Mapping[str, float]], after: Mapping[str, Mapping[str, float]]) -> Markup:
    """Draw each supplier's share of the purchase orders on both sides, one bar below the other."""
    names = list(dict.fromkeys([*before, *after]))
    pairs = [_pair(name, before.get(name), after.get(name)) for name in names]
    longest = max((max(pair.before, pair.after) for pair in pairs), default=0) or 1
    step = 2 * _BAR + _GAP
    rows = [_supplier_row(pair, position * step, longest) for position, pair in enumerate(pairs)]
    return _svg("Purchase orders by supplier, in force and new", len(pairs) * step or _BAR, rows)


def _pair(name: str, before: Mapping[str, float] | None, after: Mapping[str, float] | None) -> Pair:
    counts = [int(side["purchase_orders"]) if side else 0 for side in (before, after)]
    shares = [side["share"] or 0.0 if side else 0.0 for side in (before, after)]
    texts = [f"{count:,} · {share * 100:.1f} %" for count, share in zip(counts, shares, strict=True)]
    return Pair(name, counts[0], counts[1], (texts[0], texts[1]))


def _supplier_row(pair: Pair, top: int, longest: float) -> Markup:
    room = WIDTH - _LABEL - _VALUE
    drawn = [Markup('<text x="{}" y="{}" class="end">{}</text>').format(_LABEL - 10, top + _BAR + 5, pair.label)]
    for number, (side, value) in enumerate((("before", pair.before), ("after", pair.after))):
        width, y = round(room * value / longest, 1), top + number * _BAR
        drawn.append(_rect(_LABEL, y, width, _BAR - 2, side))
        drawn.append(
            Markup('<text x="{}" y="{}" class="small">{}</text>').format(
                round(_LABEL + width + 6, 1), y + _BAR - 3, pair.texts[number]
            )
        )
    return Markup("").join(drawn)


def days_columns(before: Mapping[str, int], after: Mapping[str, int]) -> Markup:
    """Draw how many orders are promised within how many days, on both sides."""
    sides = [{int(day): count for day, count in side.items()} for side in (before, after)]
    days = sorted({*sides[0], *sides[1]})
    if not days:
        return Markup("")
    first, last = days[0], min(days[-1], days[0] + _MOST_DAYS - 1)
    pairs = [_day(day, last, sides) for day in range(first, last + 1)]
    return _columns("Promised days, in force and new", pairs)


def _day(day: int, last: int, sides: Sequence[Mapping[int, int]]) -> Pair:
    beyond = day == last and any(key > last for side in sides for key in side)
    counts = [sum(count for key, count in side.items() if key == day or (beyond and key > day)) for side in sides]
    return Pair(f"{day}+" if beyond else str(day), counts[0], counts[1], (f"{counts[0]:,}", f"{counts[1]:,}"))


def change_columns(changes: Mapping[str, int]) -> Markup:
    """Draw how many changed orders cost how much less or more."""
    pairs = [Pair(bar, 0, count, ("", f"{count:,}" if count else "")) for bar, count in changes.items()]
    return _columns("Changed orders by change of cost", pairs, both=False) if any(changes.values()) else Markup("")


def _columns(title: str, pairs: Sequence[Pair], *, both: bool = True) -> Markup:
    highest = max(max(pair.before, pair.after) for pair in pairs) or 1
    step = WIDTH / len(pairs)
    drawn = [_column(pair, number * step, step, highest, both=both) for number, pair in enumerate(pairs)]
    line = Markup('<line x1="0" x2="{}" y1="{}" y2="{}" class="axis"/>').format(WIDTH, _HEAD + _HEIGHT, _HEAD + _HEIGHT)
    return _svg(title, _HEAD + _HEIGHT + _FOOT, [*drawn, line])


def _column(pair: Pair, left: float, step: float, highest: float, *, both: bool) -> Markup:
    sides = [("before", pair.before), ("after", pair.after)][0 if both else 1 :]
    width = min(46.0, step * 0.8) / len(sides)
    start = left + (step - width * len(sides)) / 2
    drawn = []
    for number, (side, value) in enumerate(sides):
        height = round(_HEIGHT * value / highest, 1)
        drawn.append(
            _rect(round(start + number * width, 1), _HEAD + _HEIGHT - height, round(width - 1, 1), height, side)
        )
        if width >= _WIDE and value:
            drawn.append(_middle(start + (number + 0.5) * width, _HEAD + _HEIGHT - height - 5, f"{value:,.0f}"))
    drawn.append(_foot(pair.label, left + step / 2))
    hint = f"{pair.label}: {' → '.join(text for text in pair.texts if text) or '0'}"
    return Markup("<g><title>{}</title>{}</g>").format(hint, Markup("").join(drawn))


def _foot(label: str, middle: float) -> Markup:
    """Write a column's label below it, a range in two lines."""
    first, to, second = label.partition(" to ")
    words = [f"{first} to", second] if to else [label]
    lines = [_middle(middle, _HEAD + _HEIGHT + 15 + 13 * number, word) for number, word in enumerate(words)]
    return Markup("").join(lines)


def _middle(x: float, y: float, text: str) -> Markup:
    return Markup('<text x="{}" y="{}" class="small middle">{}</text>').format(round(x, 1), round(y, 1), text)


def _rect(x: float, y: float, width: float, height: float, side: str) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}"/>').format(x, round(y, 1), width, height, side)


def _svg(title: str, height: float, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, round(height), escape(title), Markup("").join(parts)
    )
