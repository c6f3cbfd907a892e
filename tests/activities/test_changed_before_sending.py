import json

import pytest
from temporalio.exceptions import ApplicationError

from adapters.errors import NotSent, UnexpectedReply
from models.suppliers import SupplierOrder
from tests.activities.world import START, World, ref, submit

CHANGED = json.dumps({"data": {"total": "12.50", "customer": "Planted Person"}})


def test_a_step_before_an_order_that_nobody_can_read_is_told_as_a_change_and_not_as_silence(world: World) -> None:
    order = world.planned(1)[0]
    world.run(world.choosing.choose_shipping, ref(order), at=START)

    def unreadable(_: SupplierOrder) -> None:
        raise NotSent("check: total is missing", code="unexpected_shape") from UnexpectedReply(
            "check: total is missing"
        )

    world.bts.reply, world.bts.on_place = CHANGED, unreadable
    with pytest.raises(ApplicationError) as caught:
        world.run(world.submission.submit_purchase_order, submit(order), at=START)
    assert caught.value.type == "NotSent"
    assert world.only("SELECT submission FROM purchase_orders WHERE id = :id", id=order.purchase_order_id) == {
        "submission": "ready"
    }
    assert world.only("SELECT kind FROM incidents") == {"kind": "changed"}
    assert world.rows("SELECT 1 FROM breakers WHERE failures > 0") == []
    assert "Planted" not in str(world.rows("SELECT question, evidence FROM tasks"))
