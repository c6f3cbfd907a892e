"""From a row's cells to our fields: the configured columns, compiled once, applied to each row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from itertools import repeat
from typing import Any

from adapters.feeds.cells import MOST_ITEMS, Reader, plain_number, reader_for, transform_of, with_shortcut
from adapters.feeds.unreadable import BadCell, shown, unreadable
from models.feed_rows import FeedRow, RowProblem
from models.feeds import ATTRIBUTE_PREFIX, Column, Feed, FieldName, Numbers, Transform

REMEMBERED = 20_000  # values per column: quantities, costs and dates repeat
FIELDS = [field.name for field in fields(FeedRow)]  # in the order that its constructor takes them
DAMAGED = frozenset({"gtin", "scientific"})
COSTS = frozenset({FieldName.UNIT_COST, FieldName.RECOMMENDED_PRICE, FieldName.MAP_PRICE})
_NOT_REPEATING = frozenset({FieldName.SKU, FieldName.EAN, FieldName.TITLE, FieldName.DESCRIPTION, FieldName.IMAGES})


class _TextCells(dict[str, Any]):
    """A column's texts and their values, remembered: looking one up is many times cheaper than reading it."""

    def __init__(self, read: Reader, values: Mapping[str, str], *, remember: bool) -> None:
        super().__init__()
        self._read = read
        self._values = values
        self._remember = remember

    def __missing__(self, raw: str) -> Any:
        text = raw.strip()
        if self._values:
            text = self._values.get(text.casefold(), text)
        value = self._read(text) if text else None
        if self._remember:
            if len(self) >= REMEMBERED:
                self.clear()
            self[raw] = value
        return value


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where one field's cell is, and how it is read."""

    name: str
    place: int
    read: Callable[[Any], Any]
    forgiving: bool


class Mapper:
    """Applies a feed's columns to rows. ``damaged`` counts the numbers that a spreadsheet spoiled."""

    def __init__(
        self, feed: Feed, columns: Mapping[str, Column], places: Mapping[str, int], *, texts_only: bool
    ) -> None:
        """Compile; ``places`` says at which cell each heading is, ``texts_only`` that cells are never JSON values.

        Raises FeedUnreadable("configuration") for columns that make no sense.
        """
        self.damaged = 0
        self._constants: dict[str, Any] = {}
        self._attribute_constants: dict[str, Any] = {}
        self._plans: list[_Plan] = []
        self._attributes: list[_Plan] = []
        self._sku_place: int | None = None
        for name, column in columns.items():
            self._compile(name, column, feed, places, texts_only=texts_only)
        priced = any(name in columns for name in COSTS)
        self._currency = feed.currency if priced else None

    def _compile(self, name: str, column: Column, feed: Feed, places: Mapping[str, int], *, texts_only: bool) -> None:
        read = _cell_reader(name, column, feed.numbers, texts_only=texts_only)
        own_name, is_attribute = name.removeprefix(ATTRIBUTE_PREFIX), name.startswith(ATTRIBUTE_PREFIX)
        if column.constant is not None:
            constants = self._attribute_constants if is_attribute else self._constants
            constants[own_name] = _constant(name, column.constant, read)
            return
        forgiving = column.unreadable == "empty" and name != FieldName.SKU
        plan = _Plan(own_name, places[column.column], read, forgiving)
        (self._attributes if is_attribute else self._plans).append(plan)
        if name == FieldName.SKU:
            self._sku_place = plan.place

    def rows(
        self, positions: Sequence[int], digests: Sequence[int], table: Sequence[Sequence[Any]]
    ) -> list[FeedRow] | None:
        """Read good rows column by column, in a fifth of the time; None where one row needs a look of its own."""
        cells = list(zip(*table, strict=True))
        try:
            values: dict[str, Any] = {plan.name: list(map(plan.read, cells[plan.place])) for plan in self._plans}
            attributes = {plan.name: list(map(plan.read, cells[plan.place])) for plan in self._attributes}
        except BadCell:
            return None
        values |= {name: repeat(value) for name, value in self._constants.items() if name in FIELDS}
        if FieldName.SKU not in values or None in values[FieldName.SKU]:
            return None
        if self._currency is not None:
            known = values.get(FieldName.CURRENCY, repeat(None, len(table)))
            values[FieldName.CURRENCY] = [code or self._currency for code, _ in zip(known, table, strict=False)]
        if attributes or self._attribute_constants:
            values["attributes"] = [self._attributes_of(attributes, place) for place in range(len(table))]
        values |= {"position": positions, "hash": digests}
        return list(map(FeedRow, *(values.get(name, repeat(None)) for name in FIELDS)))

    def _attributes_of(self, columns: Mapping[str, list[Any]], place: int) -> dict[str, Any] | None:
        found = {name: column[place] for name, column in columns.items() if column[place] is not None}
        return self._attribute_constants | found or None

    def row(self, position: int, digest: int, cells: Sequence[Any]) -> FeedRow | list[RowProblem]:
        """Read one row; one bad cell spoils it, and every bad cell is told of. An empty list is a blank row."""
        values = dict(self._constants) if self._constants else {}
        problems: list[RowProblem] = []
        for plan in self._plans:
            try:
                values[plan.name] = plan.read(cells[plan.place])
            except BadCell as bad:
                self._refuse(plan, bad, position, cells, problems)
        if self._attributes or self._attribute_constants:
            self._read_attributes(position, cells, values, problems)
        if not values.get("sku") and not any(problem.field == FieldName.SKU for problem in problems):
            if not any(cells):
                return []
            problems.append(RowProblem(position, FieldName.SKU, "sku_missing"))
        if problems:
            return problems
        if self._currency is not None and values.get("currency") is None:
            values["currency"] = self._currency
        return FeedRow(position, hash=digest, **values)

    def _read_attributes(
        self, position: int, cells: Sequence[Any], values: dict[str, Any], problems: list[RowProblem]
    ) -> None:
        found = dict(self._attribute_constants)
        for plan in self._attributes:
            try:
                value = plan.read(cells[plan.place])
            except BadCell as bad:
                self._refuse(plan, bad, position, cells, problems)
            else:
                if value is not None:
                    found[plan.name] = value
        if found:
            values["attributes"] = found

    def _refuse(
        self, plan: _Plan, bad: BadCell, position: int, cells: Sequence[Any], problems: list[RowProblem]
    ) -> None:
        self.damaged += bad.code in DAMAGED
        if not plan.forgiving:
            text = shown(str(cells[plan.place]))
            problems.append(RowProblem(position, plan.name, bad.code, text, self._sku_of(cells)))

    def _sku_of(self, cells: Sequence[Any]) -> str:
        return "" if self._sku_place is None else shown(str(cells[self._sku_place]).strip(), 100)


def _constant(name: str, text: str, read: Callable[[Any], Any]) -> Any:
    try:
        return read(text)
    except BadCell as bad:
        raise unreadable("configuration", f"columns.{name}: the constant {text!r} is no value: {bad.code}") from None


def _cell_reader(name: str, column: Column, numbers: Numbers, *, texts_only: bool) -> Callable[[Any], Any]:
    """Build what reads one cell: a text, or else a JSON value, or the several texts of one XML element."""
    values = {key.strip().casefold(): value.strip() for key, value in column.values.items()}
    remember = name not in _NOT_REPEATING and not name.startswith(ATTRIBUTE_PREFIX)
    transform = transform_of(name, column)
    by_text = _TextCells(reader_for(name, column, numbers), values, remember=remember)
    if transform is not Transform.LIST and texts_only:
        slow = by_text.__getitem__
        return slow if values or column.prefix else with_shortcut(name, slow)
    read: Callable[[Any], Any] = by_text.__getitem__
    if not texts_only:
        by_number = _TextCells(reader_for(name, column, Numbers()), values, remember=False)
        read = _value_reader(by_text, by_number, transform)
    return _list_reader(column.separator, read) if transform is Transform.LIST else read


def _value_reader(by_text: _TextCells, by_number: _TextCells, transform: Transform) -> Callable[[Any], Any]:
    """JSON's own numbers have a decimal point, however the supplier writes numbers in texts."""
    numeric = transform in (Transform.INTEGER, Transform.DECIMAL)

    def read(raw: Any) -> Any:
        if type(raw) is str:
            return by_text[raw]
        if raw is None:
            return by_text[""]
        if isinstance(raw, bool) and not numeric:
            return by_text[str(raw).lower()]
        if isinstance(raw, (int, Decimal)) and not isinstance(raw, bool):
            return by_number[plain_number(raw)] if numeric else by_text[str(raw)]
        raise BadCell("type")

    return read


def _list_reader(separator: str, read_item: Callable[[Any], Any]) -> Callable[[Any], list[Any] | None]:
    def read(raw: Any) -> list[Any] | None:
        items = raw if isinstance(raw, list) else raw.split(separator) if isinstance(raw, str) else [raw]
        found = [value for value in map(read_item, items) if value is not None]
        if len(found) > MOST_ITEMS:
            raise BadCell("too_long")
        return found or None

    return read
