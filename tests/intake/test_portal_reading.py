"""What is kept of the page, read: whatever it holds, it is news that can be applied, or it is refused."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.exchange.told import tell
from models.exchange import OrderAcknowledged, Unclear
from models.suppliers import SupplierLine, SupplierState
from starter.portal_entries import Answered, Entry, LineEntry, Reason, Rest, read_portal


@st.composite
def lines(draw: st.DrawFn) -> tuple[LineEntry, ...]:
    found = []
    for place in range(draw(st.integers(1, 5))):
        wanted = draw(st.integers(0, 20))
        entry: dict[str, Any] = {
            "ean": f"EAN {place}",
            "wanted": wanted,
            "units": draw(st.integers(0, wanted)),
            "price": draw(st.none() | st.decimals(0, 999, places=4)),
            "ships_on": draw(st.none() | st.dates(date(2026, 1, 1), date(2027, 1, 1))),
            "rest": draw(st.sampled_from(Rest)),
            "reason": draw(st.sampled_from(Reason)),
            "instead": draw(st.text(max_size=60)),
            "declined": draw(st.integers(0, 3)),
            "note": draw(st.text(max_size=300)),
        }
        found.append(LineEntry.model_validate(entry))
    return tuple(found)


def read(entry: Entry) -> OrderAcknowledged:
    news, *remarks = read_portal(entry.body()).news
    assert isinstance(news, OrderAcknowledged)
    assert all(isinstance(one, Unclear) and one.reason == "remark" for one in remarks)
    return news


@given(lines(), st.integers(0, 2**63 - 1))
def test_an_answer_speaks_of_every_unit_that_was_ordered_and_of_no_other(
    said: tuple[LineEntry, ...], seen: int
) -> None:
    entry = Entry(number="DW-1-11", seen=seen, entered=Answered(currency="EUR", lines=said))

    news = read(entry)

    spoken = {ean: sum(one.quantity for one in news.lines if one.ean == ean) for ean in {one.ean for one in said}}
    assert spoken == {one.ean: one.wanted + one.declined for one in said}
    ordered = [SupplierLine(ean=ean, quantity=units) for ean, units in spoken.items() if units]
    status = tell(ordered, [news])
    assert status is not None
    assert status.lines == news.lines
    confirmed = any(one.units for one in said)
    assert confirmed <= (status.state is SupplierState.ACKNOWLEDGED)


@given(lines())
def test_no_word_of_a_person_is_in_the_news(said: tuple[LineEntry, ...]) -> None:
    noted = tuple(one.model_copy(update={"note": "Planted Person"}) for one in said)
    entered = Answered(currency="EUR", lines=noted, note="Planted Person")

    entry = Entry(number="DW-1-11", seen=0, entered=entered)

    assert "Planted" not in read_portal(entry.body()).model_dump_json()


def test_the_same_entry_is_the_same_bytes_and_a_later_one_is_not() -> None:
    line = LineEntry(ean="1", wanted=2, units=2, price=Decimal("8.10"))
    entered = Answered(currency="EUR", lines=(line,))

    bodies = [Entry(number="DW-1-11", seen=seen, entered=entered).body() for seen in (4, 4, 5)]

    assert bodies[0] == bodies[1] != bodies[2]


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.just(b'{"portal":1,"number":"DW-1-11","seen":0,"entered":{"what":"answered"}}'))
def test_what_is_no_entry_is_refused_and_never_raises(body: bytes) -> None:
    reading = read_portal(body)

    assert reading.refused.endswith("wrong")
    assert reading.news == ()
