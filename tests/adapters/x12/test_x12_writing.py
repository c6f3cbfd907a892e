import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import pyx12.params
import pyx12.x12n_document

from adapters.errors import Refused
from adapters.suppliers.edi_x12.envelope import read_interchange
from adapters.suppliers.edi_x12.order_document import cancellation_bytes, order_bytes, purchase_order, read_own
from adapters.suppliers.edi_x12.profile import X12Profile
from adapters.suppliers.edi_x12.replying import write_reply
from adapters.suppliers.edi_x12.sets.orders import read_860
from adapters.suppliers.edi_x12.tokenizer import Delimiters
from adapters.suppliers.edi_x12.wrapping import Unwritable, free_text
from models.money import Money
from models.orders import Address
from models.suppliers import SupplierLine, SupplierOrder
from tests.adapters.x12.documents import MADE, OUTWARD, WHOLE_855, a_profile, document, read

GOLDEN = Path(__file__).with_name("order.golden.x12")
ADDRESS = Address(
    name="Zaphyra Quillfeather", company="Moonlark Atelier", address1="17 Gingerbread Steps", address2="Door 4",
    city="Málaga", province_code="MA", postal_code="29001", country_code="ES", phone="+34600999888",
    email="zaphyra@quillfeather.example",
)  # fmt: skip


def an_order(**changed: Any) -> SupplierOrder:
    lines = (
        SupplierLine(
            ean="4006381333931", quantity=2, sku="A-1", unit_cost=Money(amount=Decimal("7.10"), currency="EUR")
        ),
        SupplierLine(ean="012345678905", quantity=1, sku="B-2", unit_cost=Money(amount=Decimal("3.5"), currency="EUR")),
    )
    values: dict[str, Any] = {
        "number": "DW-1-11", "lines": lines, "quote_id": "table", "address": ADDRESS, "test": False, "carrier": "GLS",
        "customer_order": "#1001", "placed_on": date(2026, 3, 14), "ship_by": date(2026, 3, 16),
        "arrive_by": date(2026, 3, 20),
    }  # fmt: skip
    return SupplierOrder.model_validate(values | changed)


def written(order: SupplierOrder | None = None, profile: X12Profile | None = None) -> bytes:
    return order_bytes(order or an_order(), profile or a_profile(), control=7, made_at=MADE)


def test_an_order_is_written_as_agreed() -> None:
    assert written() == GOLDEN.read_bytes()


def test_the_same_order_is_the_same_bytes() -> None:
    assert written() == written()


def test_what_was_written_says_what_was_ordered() -> None:
    assert read_own(written()) == replace(
        purchase_order(an_order(), a_profile(), MADE.date()), references=(("CO", "#1001"),)
    )


@pytest.mark.parametrize("text", ["a*b", "a~b>c", "a\r\nb", "a\x00b\x1fc", "\u202ea\u2066b"])
def test_no_delimiter_gets_in_by_what_a_customer_wrote(text: str) -> None:
    body = written(an_order(address=ADDRESS.model_copy(update={"name": text, "address1": text})))
    interchange = read_interchange(body)
    assert interchange.groups[0].sets[0].problem is None
    party = read_own(body).parties[0]
    assert party.name == party.streets[0]
    assert set(party.name) <= set("abc ")


@pytest.mark.parametrize(
    ("text", "expected"), [("Straße Łódź", "Strasse Lodz"), ("Åsa Nuñez", "Asa Nunez"), ("A\uff0aB\uff5eC", "A B C")]
)
def test_letters_that_a_partner_lacks_lose_their_marks(text: str, expected: str) -> None:
    assert free_text(text, OUTWARD_ASCII, 60) == expected


OUTWARD_ASCII = replace(OUTWARD, charset="ascii")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": "DW-123456789-123456789-1"}, "number_too_long"),
        ({"address": ADDRESS.model_copy(update={"address1": "x" * 56})}, "not_writable"),
        ({"address": ADDRESS.model_copy(update={"name": "Ζαφύρα"})}, "not_writable"),
        ({"carrier": "SEUR"}, "no_ship_method"),
    ],
)
def test_what_can_not_be_written_for_a_partner_is_refused_without_naming_it(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as caught:
        written(an_order(**changes))
    assert caught.value.code == code
    assert "Ζαφύρα" not in str(caught.value)
    assert "x" * 10 not in str(caught.value)


def test_an_article_number_with_a_delimiter_is_refused_and_never_changed() -> None:
    line = SupplierLine(ean="4006381333931", quantity=1, sku="A*1")
    with pytest.raises(Refused) as caught:
        written(an_order(lines=(line,)))
    assert caught.value.code == "not_writable"


def test_other_delimiters_and_another_version_are_written_as_agreed() -> None:
    profile = a_profile(element_separator="|", segment_terminator="'", component_separator=":", version="005010")
    body = written(profile=profile)
    interchange = read_interchange(body)
    assert interchange.delimiters == Delimiters("|", ":", "'", "^")
    assert interchange.groups[0].version == "005010"


@pytest.mark.parametrize(("agreed", "code"), [("860", "860"), ("850-01", "850")])
def test_a_cancellation_names_what_its_order_named(agreed: str, code: str) -> None:
    body = cancellation_bytes(written(), a_profile(cancellation=agreed), control=8, made_at=MADE)
    (one,) = read_interchange(body).groups[0].sets
    assert one.code == code
    said = read_860(one.segments) if code == "860" else read_own(body)
    assert (said.number, said.purpose, said.placed_on) == ("DW-1-11", "01", date(2026, 3, 14))


def test_control_numbers_end_with_nine_digits() -> None:
    with pytest.raises(Refused) as caught:
        order_bytes(an_order(), a_profile(), control=1_000_000_000, made_at=MADE)
    assert caught.value.code == "not_writable"


def test_text_that_is_too_long_is_never_cut() -> None:
    with pytest.raises(Unwritable, match="60"):
        free_text("x" * 61, OUTWARD, 60)


# Another reader of 997s.


def replies() -> Iterator[tuple[str, str]]:
    """List what documents are answered with: some accepted, in part, and not at all."""
    body = document([("855", WHOLE_855), ("855", WHOLE_855)])
    line = b"PO1*1*2*EA*7~\nACK*IA*2~\nCTT*1~\nSE*6*0001"
    detailed = body.replace(b"SE*3*0001", line)
    for name, spoilt in {
        "all": body,
        "in part": body.replace(b"SE*3*0002", b"SE*9*0002"),
        "none": body.replace(b"SE*3", b"SE*8"),
        "count": body.replace(b"GE*2", b"GE*3"),
        "trailer": body.replace(b"GE*2*118", b"GE*2*119"),
        "element": detailed.replace(b"ACK*IA*2", b"ACK*IA*x"),
        "segment": detailed.replace(b"BAK*", b"BEG*", 1),
        "total": detailed.replace(b"CTT*1", b"CTT*2"),
        "unknown set": body.replace(b"ST*855", b"ST*864"),
    }.items():
        (reply,) = read(spoilt).replies
        yield name, reply


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library's own map of a 997, with the kinds of groups and sets widened: it knows those of health care only."""
    folder = tmp_path_factory.mktemp("maps")
    own = Path(str(files("pyx12") / "map"))
    for name in ("maps.xml", "997.4010.xml", "x12.control.00401.xml", "dataele.xml", "codes.xml"):
        shutil.copy(own / name, folder)
    text = (folder / "997.4010.xml").read_text()
    text = text.replace("<code>BE</code>", "".join(f"<code>{one}</code>" for one in ("BE", "PR", "SH", "IN", "IB")))
    text = text.replace("<code>270</code>", "".join(f"<code>{one}</code>" for one in ("270", "855", "864")))
    (folder / "997.4010.xml").write_text(text)
    return str(folder)


@pytest.mark.parametrize(("name", "reply"), list(replies()))
def test_our_receipts_are_read_by_another_library(name: str, reply: str, maps: str) -> None:
    assert accepted_by_pyx12(receipt_text(reply), maps), name


@pytest.mark.parametrize(
    ("before", "after"), [("AK9*P", "AK9*Q"), ("AK5*R*4", "AK5*R*99"), ("AK1*PR*118~\n", ""), ("SE*6", "SE*7")]
)
def test_the_other_library_would_notice(before: str, after: str, maps: str) -> None:
    text = receipt_text(dict(replies())["in part"])
    assert before in text
    assert not accepted_by_pyx12(text.replace(before, after), maps)


def receipt_text(reply: str) -> str:
    return write_reply(reply, OUTWARD_ASCII, control=9, made_at=MADE).decode()


def accepted_by_pyx12(text: str, maps: str) -> bool:
    params = pyx12.params.params()
    valid = pyx12.x12n_document.x12n_document(params, io.StringIO(text), io.StringIO(), None, map_path=maps)
    return bool(valid)


def test_a_cancellation_that_a_changed_profile_can_not_write_is_refused_with_a_word() -> None:
    order = an_order(lines=(SupplierLine(ean="4006381333931", quantity=2, sku="A|1"),))
    changed = a_profile(cancellation="850-01", element_separator="|")
    with pytest.raises(Refused, match="PO1 holds a delimiter") as caught:
        cancellation_bytes(written(order), changed, control=8, made_at=MADE)
    assert caught.value.code == "not_writable"
