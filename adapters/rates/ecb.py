"""The European Central Bank's daily reference rates: euros, on working days, at about 16:00 in Frankfurt.

Format: https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml, of some 30 currencies in 2 kB:
``Envelope/Cube/Cube[@time="2026-03-02"]/Cube[@currency="USD"][@rate="1.0834"]``; units of the currency for one euro.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

import httpx
from lxml import etree

from adapters.errors import UnexpectedReply
from adapters.http import CallSink, HttpApi, http_client
from adapters.plugin import Plugin
from models.listings import ExchangeRate

BASE = "EUR"
SOURCE = "ecb"
READ_TIMEOUT = timedelta(seconds=20)
MOST_BYTES = 200_000  # a hundred times what it is
_OPERATION = "daily rates"
_NAMES = {"ecb": "http://www.ecb.int/vocabulary/2002-08-01/eurofxref"}
_HIGHEST = Decimal(10) ** 9


class EcbRates:
    """The exchange rates' port. Safe to share between threads."""

    def __init__(self, url: str, sink: CallSink, timeout: timedelta = READ_TIMEOUT) -> None:
        # Uncompressed, a body is never larger than what was counted on its way in.
        headers = {"Accept": "application/xml, text/xml", "Accept-Encoding": "identity"}
        client = http_client("", headers, timeout)
        client.event_hooks = {"response": [_bound]}
        self._url = url
        self._api = HttpApi(system=SOURCE, client=client, sink=sink)

    def fetch(self) -> list[ExchangeRate]:
        """Ask for the newest rates. Raises NotSent, Throttled, Unavailable or UnexpectedReply."""
        response = self._api.ask(_OPERATION, "GET", self._url)
        if response.status_code != httpx.codes.OK:
            raise UnexpectedReply(f"{_OPERATION}: {SOURCE} answered {response.status_code}")
        return read_rates(response.content)

    def close(self) -> None:
        """Give back connections."""
        self._api.client.close()


def read_rates(document: bytes) -> list[ExchangeRate]:
    """Read the bank's document. Raises UnexpectedReply naming what is not as it should be; one bad rate spoils all."""
    root = _parse(document)
    days = root.findall(".//ecb:Cube[@time]", _NAMES)
    if len(days) != 1:
        raise _unexpected("Cube[@time]", f"is there {len(days)} times")
    on = _date(days[0].get("time"))
    rates = [_rate(entry, on) for entry in days[0].findall("ecb:Cube", _NAMES)]
    if not rates:
        raise _unexpected("Cube[@currency]", "is missing")
    if len({rate.currency for rate in rates}) != len(rates):
        raise _unexpected("Cube[@currency]", "names a currency twice")
    return rates


def _parse(document: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError:
        raise _unexpected("the document", "is not XML") from None
    if root.getroottree().docinfo.doctype:
        raise _unexpected("the document", "declares a document type")
    return root


def _rate(entry: etree._Element, on: date) -> ExchangeRate:
    currency = entry.get("currency") or ""
    if len(currency) != 3 or not currency.isascii() or not currency.isupper():
        raise _unexpected("Cube[@currency]", "is no currency")
    try:
        rate = Decimal(entry.get("rate") or "")
    except InvalidOperation:
        raise _unexpected(f"the rate of {currency}", "is no number") from None
    if not rate.is_finite() or not 0 < rate < _HIGHEST:
        raise _unexpected(f"the rate of {currency}", "is no rate")
    return ExchangeRate(base=BASE, currency=currency, rate=rate, on=on, source=SOURCE)


def _date(text: str | None) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        raise _unexpected("Cube[@time]", "is no date") from None


def _unexpected(field: str, problem: str) -> UnexpectedReply:
    return UnexpectedReply(f"{_OPERATION}: {field} {problem}")


class _Bounded(httpx.SyncByteStream):
    """A body that ends in an error where it does not end by itself."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for piece in self._stream:
            seen += len(piece)
            if seen > MOST_BYTES:
                raise _unexpected("the document", f"is longer than {MOST_BYTES} bytes")
            yield piece

    def close(self) -> None:
        self._stream.close()


def _bound(response: httpx.Response) -> None:
    """Runs before a body is read."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _unexpected("the document", "is compressed, unasked")
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream)


def build(*, url: str, sink: CallSink) -> EcbRates:
    """Build the port to where the configuration says that the rates are."""
    return EcbRates(url, sink)


PLUGIN = Plugin(id=SOURCE, group="rates", build=build, label="European Central Bank")
