"""Numbers exactly as one supplier writes them: what is not one by its locale is refused, never read as something near it."""

import re
from decimal import Decimal, InvalidOperation

from adapters.feeds.unreadable import BadCell, unreadable
from models.feeds import Numbers

LARGEST_COUNT = 999_999_999
LARGEST_AMOUNT = Decimal(10) ** 10  # our amounts have ten digits before the point, four after it
LONGEST_NUMBER = 40
SMALLEST_STEP = Decimal("0.0001")
ONE = Decimal(1)
PLAIN_COUNT = 9  # that many ASCII digits are a whole number in every locale
SPACES = "[ \u00a0\u202f]"  # what programs write as a space between thousands


class NumberReader:
    """Reads whole numbers and amounts by one locale, each multiplied by a factor."""

    def __init__(self, numbers: Numbers, factor: str = "1") -> None:
        """Prepare the locale. Raises FeedUnreadable("configuration") where it makes no sense."""
        if numbers.decimal == numbers.thousands:
            raise unreadable("configuration", "numbers: decimal and thousands are the same sign")
        self._factor = _factor(factor)
        between = SPACES if numbers.thousands == " " else re.escape(numbers.thousands)
        whole = rf"[0-9]{{1,3}}(?:{between}[0-9]{{3}})+|[0-9]+" if numbers.thousands else "[0-9]+"
        self._pattern = re.compile(rf"(-?)({whole})(?:{re.escape(numbers.decimal)}([0-9]+))?")

    def count(self, text: str) -> int:
        """Read a whole number of things. Raises BadCell: number, negative, not_whole, too_large."""
        if self._factor is ONE and len(text) <= PLAIN_COUNT and text.isdigit() and text.isascii():
            return int(text)
        number = self._exact(text)
        if number < 0:
            raise BadCell("negative")
        if number > LARGEST_COUNT:
            raise BadCell("too_large")
        if number != number.to_integral_value():
            raise BadCell("not_whole")
        return int(number)

    def amount(self, text: str) -> Decimal:
        """Read an amount that can't be negative, to four decimals. Raises BadCell: negative, and as ``number`` does."""
        number = self.number(text)
        if number < 0:
            raise BadCell("negative")
        return number

    def number(self, text: str) -> Decimal:
        """Read any number, to four decimals. Raises BadCell: number, too_large, too_small where nothing would be left."""
        exact = self._exact(text)
        exponent = exact.as_tuple().exponent
        if not isinstance(exponent, int) or exponent >= -4:
            return exact
        rounded = exact.quantize(SMALLEST_STEP)
        if exact and not rounded:
            raise BadCell("too_small")
        if abs(rounded) >= LARGEST_AMOUNT:
            raise BadCell("too_large")
        return rounded

    def _exact(self, text: str) -> Decimal:
        match = self._pattern.fullmatch(text)
        if match is None:
            raise BadCell("number")
        if len(text) > LONGEST_NUMBER:
            raise BadCell("too_large")
        sign, whole, fraction = match.groups()
        digits = whole if whole.isdigit() else re.sub("[^0-9]", "", whole)
        return self._bounded(Decimal(f"{sign}{digits}.{fraction or 0}") if fraction else Decimal(sign + digits))

    def _bounded(self, number: Decimal) -> Decimal:
        if self._factor is not ONE:
            number *= self._factor
        if abs(number) >= LARGEST_AMOUNT:
            raise BadCell("too_large")
        return number


def _factor(text: str) -> Decimal:
    try:
        factor = Decimal(text)
    except InvalidOperation:
        factor = Decimal(0)
    if not factor.is_finite() or factor <= 0:
        raise unreadable("configuration", f"factor = {text!r} is not a number above zero")
    return ONE if factor == 1 else factor
