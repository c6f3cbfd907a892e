"""How documents are told apart and what their states mean: shared by every desk, so that all behave alike. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from models.exchange import DocumentKind, DocumentState, ReceiptArrived


def document_key(kind: DocumentKind, numbers: Sequence[str]) -> str:
    """Name what a document of ours is: prepared once for these purchase orders, in whatever sequence they are named."""
    return f"{kind}:{','.join(sorted(numbers))}"


def reply_key(reply: str) -> str:
    """Name an answer to a document that was picked up."""
    return f"reply:{reply}"


def batch_key(window_ends: datetime) -> str:
    """Name the batch that collects until then."""
    return f"batch:{window_ends.astimezone(UTC).isoformat()}"


def upload_fact(control: int) -> str:
    """Name the fact that says how far the upload of a document got (see ``adapters.exchange.remote_exchange``)."""
    return f"upload:{control}"


def state_after(receipt: ReceiptArrived, number: str) -> DocumentState:
    """Say what a receipt means for one purchase order of the document: a group may be taken in part."""
    refused = number in receipt.refused_numbers or (not receipt.accepted and not receipt.refused_numbers)
    return DocumentState.REFUSED if refused else DocumentState.RECEIVED


def document_state_after(receipt: ReceiptArrived) -> DocumentState:
    """Say what a receipt means for the document as a whole."""
    return DocumentState.RECEIVED if receipt.accepted else DocumentState.REFUSED


def repeated_control(control: int) -> str:
    """Word why a document is not believed: another one had its number."""
    return f"control number {control} came before, with another document"


def remark_on(state: DocumentState, window_ends: datetime | None, codes: str) -> str:
    """Add what operators want to know of our own document's state; "" where the state says all."""
    if state is DocumentState.QUEUED and window_ends is not None:
        return f"waits for the batch of {window_ends.astimezone(UTC):%H:%M}Z"
    if state is DocumentState.REFUSED and codes:
        return f"refused: {codes}"
    return ""
