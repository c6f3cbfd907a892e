"""What the answer to an order means: placed, proof that nothing was ordered, or doubt. Pure."""

from adapters.errors import Doubtful, NotSent, Refused, UnexpectedReply
from adapters.suppliers.generic_rest import judging
from adapters.suppliers.generic_rest.expressions import read_json
from adapters.suppliers.generic_rest.profile import RestProfile
from adapters.suppliers.generic_rest.replies import Reader
from adapters.suppliers.generic_rest.values import Source
from models.suppliers import PlacedOrder

OPERATION = judging.PLACING


def read(profile: RestProfile, status: int, text: str, our_number: str) -> PlacedOrder:
    """Read the answer to an order. Raises as ``SupplierPort.place_order`` does.

    A refusal that names an order contradicts itself, and proves nothing.
    """
    call = profile.operations.place_order
    try:
        document = judging.success(profile, OPERATION, status, text)
    except (Refused, NotSent) as refusal:
        if _names_an_order(profile, text):
            raise Doubtful(f"{OPERATION}: {refusal.code}, and yet an order is named", code="names_an_order") from None
        raise
    try:
        order = Source(OPERATION, document).get("order", call.order)
        return _reader(profile).placed(order, our_number if call.number_is_ours else "")
    except UnexpectedReply as error:
        raise Doubtful(str(error), code=error.code) from None


def _names_an_order(profile: RestProfile, text: str) -> bool:
    call = profile.operations.place_order
    if call.number_is_ours:
        return False
    try:
        order = Source(OPERATION, read_json(OPERATION, text)).get("order", call.order)
        return bool(order) and bool(Source(OPERATION, order).text("number", _reader(profile).reading.number))
    except UnexpectedReply:
        return False


def _reader(profile: RestProfile) -> Reader:
    return Reader(profile, OPERATION, profile.operations.place_order.reading or profile.order)
