"""A partner that says it knows a control number of ours: it has the document, if it was given it before."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.suppliers.edi_x12.adapter import X12Supplier
from adapters.suppliers.edi_x12.wrapping import write_interchange_receipt
from dropwright.testing.desk import MemoryDesk, run_round
from models.exchange import DocumentKind, DocumentState
from models.suppliers import SupplierState
from tests.adapters.x12.documents import INWARD, MADE
from tests.adapters.x12.test_x12_kills import Stage


@pytest.mark.parametrize(
    ("again", "document", "order"),
    [(False, DocumentState.REFUSED, SupplierState.UNKNOWN), (True, DocumentState.RECEIVED, SupplierState.SENT)],
    ids=["sent-once", "sent-twice"],
)
def test_a_known_number_is_proof_only_where_the_document_was_sent_before(
    tmp_path: Path, again: bool, document: DocumentState, order: SupplierState
) -> None:
    stage = Stage(tmp_path, archive=False)
    port, desk = stage.process()
    port.place_order(stage.order)
    sent = desk.find_outgoing(DocumentKind.ORDER, stage.order.number)
    assert sent is not None
    if again:
        (stage.partner.folder / "in" / sent.name).unlink()
        desk.resend(sent)
        assert port.send_due(datetime.now(UTC)) == 1
    says_known(stage, port, desk, sent.control)
    now = desk.find_outgoing(DocumentKind.ORDER, stage.order.number)
    assert now is not None
    assert (now.state, port.fetch_order(stage.order.number).state) == (document, order)


def says_known(stage: Stage, port: X12Supplier, desk: MemoryDesk, control: int, theirs: int = 118) -> None:
    told = ["TA1", f"{control:09d}", "260314", "0926", "R", "025"]
    receipt = write_interchange_receipt(told, INWARD, control=theirs, made_at=MADE)
    (stage.partner.folder / "out" / "ta1.x12").write_bytes(receipt)
    run_round(port, desk)


def test_sent_again_after_that_it_is_still_not_there(tmp_path: Path) -> None:
    stage = Stage(tmp_path, archive=False)
    port, desk = stage.process()
    port.place_order(stage.order)
    sent = desk.find_outgoing(DocumentKind.ORDER, stage.order.number)
    assert sent is not None
    says_known(stage, port, desk, sent.control)
    (stage.partner.folder / "in" / sent.name).unlink()
    desk.resend(sent)
    assert port.send_due(datetime.now(UTC)) == 1
    says_known(stage, port, desk, sent.control, theirs=119)
    now = desk.find_outgoing(DocumentKind.ORDER, stage.order.number)
    assert now is not None
    assert now.state is DocumentState.REFUSED
