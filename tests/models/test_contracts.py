import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from models.money import Money
from models.orders import Address, IncomingOrder, OrderLine
from tests.models import wire_contracts
from tests.models.wire_contracts import LOCK, breaks, current, problems


@pytest.fixture(scope="module")
def now() -> dict[str, Any]:
    return current()


def test_what_crosses_a_wire_is_as_it_is_locked(now: dict[str, Any]) -> None:
    assert "\n".join(problems(json.loads(LOCK.read_text()), now)) == ""


def test_no_workflow_takes_or_returns_a_person(now: dict[str, Any]) -> None:
    assert not {kind.__name__ for kind in (Address, IncomingOrder, OrderLine)} & set(now["contracts"])


def test_every_call_is_locked_with_its_types(now: dict[str, Any]) -> None:
    assert now["calls"]["workflow OrderWorkflow"][-1] == "OrderOutcome"
    assert now["calls"]["update OrderWorkflow.command"] == ["Command", "CommandReceipt"]
    assert now["calls"]["activity submit_purchase_order"] == ["SubmitRequest", "Submission"]
    assert now["contracts"]["OrderRequest"]["total"] == {"type": {"$ref": "Money"}, "required": True}


def lose_field(document: dict[str, Any]) -> None:
    del document["contracts"]["OrderRequest"]["name"]


def retype_field(document: dict[str, Any]) -> None:
    document["contracts"]["OrderRequest"]["lines"]["type"] = {"type": "string"}


def require_field(document: dict[str, Any]) -> None:
    document["contracts"]["OrderRequest"]["test"]["required"] = True


def add_required_field(document: dict[str, Any]) -> None:
    document["contracts"]["OrderRequest"]["gift"] = {"type": {"type": "boolean"}, "required": True}


def lose_value(document: dict[str, Any]) -> None:
    document["enumerations"]["Mode"].remove("approve")


def lose_call(document: dict[str, Any]) -> None:
    del document["calls"]["activity fulfil"]


def retype_call(document: dict[str, Any]) -> None:
    document["calls"]["activity fulfil"][0] = "PurchaseOrderRef"


@pytest.mark.parametrize(
    ("change", "lesson"),
    [
        (lose_field, "OrderRequest.name is gone: what was written in the last 90 days has it"),
        (retype_field, "OrderRequest.lines changed its type: add a field of another name"),
        (require_field, "OrderRequest.test is required now, but older inputs lack it: give it a default"),
        (add_required_field, "OrderRequest.gift is new and required, but older inputs lack it: give it a default"),
        (lose_value, "Mode lost the value approve"),
        (lose_call, "activity fulfil is gone"),
        (retype_call, "activity fulfil was"),
    ],
)
def test_a_change_that_breaks_older_inputs_is_named_with_what_to_do_instead(
    now: dict[str, Any], change: Callable[[dict[str, Any]], None], lesson: str
) -> None:
    changed = deepcopy(now)
    change(changed)
    found = breaks(now, changed)
    assert len(found) == 1
    assert found[0].startswith(lesson)
    assert problems(now, changed) == found


def test_what_was_added_asks_for_the_lock_to_be_brought_up_to_date(now: dict[str, Any]) -> None:
    grown = deepcopy(now)
    grown["contracts"]["OrderRequest"]["gift"] = {"type": {"type": "boolean"}, "required": False}
    grown["enumerations"]["Mode"].append("vacation")
    assert breaks(now, grown) == []
    assert problems(now, grown) == [
        f"OrderRequest has something that is not locked yet: {wire_contracts.UPDATE}",
        f"Mode has something that is not locked yet: {wire_contracts.UPDATE}",
    ]


@pytest.mark.parametrize("amount", [6.2, 0.1 + 0.2, float("nan")])
def test_an_amount_is_never_a_float_not_even_one_that_looks_exact(amount: float) -> None:
    with pytest.raises(ValidationError, match="never a float"):
        Money(amount=amount, currency="EUR")
