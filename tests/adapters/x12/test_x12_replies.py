"""What documents are answered with: 997s that name what is wrong, and TA1s where the partner wants them."""

import pytest

from adapters.suppliers.edi_x12.envelope import read_interchange
from adapters.suppliers.edi_x12.replying import LONGEST, write_reply
from adapters.suppliers.edi_x12.sets.acknowledgements import Acknowledgement, Answer, AnsweredItem
from adapters.suppliers.edi_x12.sets.inventories import Inventory, StockLine
from adapters.suppliers.edi_x12.sets.receipts import Receipt, SetReceipt, read_997
from dropwright.testing.desk import MemoryDesk
from models.exchange import DocumentState, Incoming, Unclear
from tests.adapters.x12.documents import INWARD, MADE, OUTWARD, WHOLE_855, an_item, document, read, reader

DETAILED = Acknowledgement("DW-1-11", "AC", lines=(AnsweredItem(an_item(), (Answer("IA", an_item().quantity),)),))
GOOD = document([("855", DETAILED)])
ASKING = GOOD.replace(b"*0*P*>", b"*1*P*>")
BROKEN = (b"IEA*1*", b"IEA*2*")


def lines_of(reply: str) -> list[str]:
    """Write an answer, and return what stands between its ISA and its IEA."""
    body = write_reply(reply, OUTWARD, control=9, made_at=MADE).decode()
    assert read_interchange(body.encode()).control == 9
    return body.split("~\n")[1:-2]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (b"ACK*IA*2~", b"ACK*IA*two~", ["AK3*ACK*4**8", "AK4*2**6", "AK5*R*5"]),
        (b"ACK*IA*2~", b"ACK**2~", ["AK3*ACK*4**8", "AK4*1**1", "AK5*R*5"]),
        (b"ACK*IA*2~", b"ACK*IA*2*EA*068*20260231~", ["AK3*ACK*4**8", "AK4*5**8", "AK5*R*5"]),
        (b"EN*4006381333931~", b"EN~", ["AK3*PO1*3**8", "AK4*6**2", "AK5*R*5"]),
        (b"CTT*1~", b"CTT*9~", ["AK3*CTT*5**8", "AK4*1**7", "AK5*R*5"]),
        (b"BAK*00*AC*", b"REF*00*AC*", ["AK3*BAK*2**3", "AK5*R*5"]),
        (b"ST*855*0001~", b"ST*864*0001~", ["AK5*R*1"]),
        (b"SE*6*", b"SE*7*", ["AK5*R*4"]),
        (b"*0001~", b"*01~", ["AK5*R*7"]),
    ],
)
def test_a_refused_set_is_told_the_segment_and_the_element_that_are_wrong(
    before: bytes, after: bytes, told: list[str]
) -> None:
    assert before in GOOD
    (reply,) = read(GOOD.replace(before, after)).replies
    _, _, _, set_named, *found, _, _, _ = lines_of(reply)
    assert set_named.startswith("AK2*8")
    assert found == told


def test_a_stock_report_that_counts_wrong_is_refused_though_its_lines_are_not_read_here() -> None:
    body = document([("846", Inventory("R", lines=(StockLine((("VN", "A-1"),)), StockLine((("VN", "A-2"),)))))])
    assert read(body).replies == ("997:118:IB:118:A:1:1",)
    came = read(body.replace(b"CTT*2", b"CTT*3"))
    assert [type(one) for one in came.news] == [Unclear]
    assert lines_of(came.replies[0])[3:5] == ["AK2*846*0001", "AK5*R*5"]


def test_refusals_are_named_as_far_as_there_is_room_and_all_of_them_counted() -> None:
    came = read(document([("855", DETAILED)] * 200).replace(b"ACK*IA*2~", b"ACK*IA*two~"))
    (reply,) = came.replies
    assert LONGEST - 30 < len(reply) <= LONGEST
    receipt = read_997(
        read_interchange(write_reply(reply, OUTWARD, control=9, made_at=MADE)).groups[0].sets[0].segments
    )
    assert (receipt.status, receipt.received, receipt.accepted) == ("R", 200, 0)
    assert receipt.sets[:2] == tuple(
        SetReceipt("855", control, "R", ("5",), receipt.sets[0].errors) for control in ("0001", "0002")
    )


def test_an_interchange_that_asks_for_a_ta1_gets_one_beside_its_997() -> None:
    assert [reply.split(":")[0] for reply in read(GOOD).replies] == ["997"]
    taken, receipt = read(ASKING).replies
    assert lines_of(taken) == ["TA1*000000118*260314*0926*A*000"]
    assert receipt.startswith("997:")


@pytest.mark.parametrize(("body", "always"), [(ASKING, False), (GOOD, True)], ids=["ISA14", "profile"])
def test_an_interchange_that_can_not_be_read_is_refused_where_that_is_wanted(body: bytes, always: bool) -> None:
    assert read(GOOD.replace(*BROKEN)).replies == ()
    (reply,) = read(body.replace(*BROKEN), interchange_receipts=always).replies
    assert lines_of(reply) == ["TA1*000000118*260314*0926*R*021"]


def test_a_ta1_is_never_answered() -> None:
    body = write_reply("TA1:000000007:260314:0926:A:000", INWARD, control=118, made_at=MADE)
    came = read(body.replace(b"*0*P*>", b"*1*P*>"), interchange_receipts=True)
    assert (came.replies, came.replies_if_repeated) == ((), ())


@pytest.mark.parametrize("asked", [False, True])
def test_e19_a_known_control_number_is_refused_by_a_ta1_where_that_is_asked_for(asked: bool) -> None:
    desk, understand = MemoryDesk(), reader().read
    other = document([("855", WHOLE_855)])
    other = other.replace(b"*0*P*>", b"*1*P*>") if asked else other
    desk.apply(Incoming(name="a", place="a", body=GOOD), understand)
    assert desk.apply(Incoming(name="b", place="b", body=other), understand).state is DocumentState.QUARANTINED
    _, *refusals = desk.replies_due()
    assert [lines_of(reply) for reply in refusals] == ([["TA1*000000118*260314*0926*R*025"]] if asked else [])


def test_e22_a_receipt_that_asks_for_a_ta1_gets_that_and_no_997() -> None:
    body = document([("997", Receipt("PO", 7, "A", 1, 1, 1))])
    assert [reply[:4] for reply in read(body.replace(b"*0*P*>", b"*1*P*>")).replies] == ["TA1:"]
