"""The contract suite bites: of a correct adapter it says nothing, and for each of its checks a wrong one fails just that."""

import inspect
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from adapters.errors import AdapterError
from dropwright.testing.contract import (
    DocumentContract,
    OrderingContract,
    SupplierContract,
    SupplierWorld,
    WireContract,
)
from models.suppliers import SupplierOrderStatus
from tests.adapters import wrong_orders, wrong_wires
from tests.adapters.correct_partner import CorrectPartner, partner_world
from tests.adapters.correct_supplier import FIVE, Correct, Entry, world_of
from tests.adapters.wrong import WRONG, Blind, Keyed, Lagging, StockOnly, Wrong

FILLED_BY = (wrong_orders, wrong_wires)  # importing them fills the register


class Subtests:
    """Stands in for pytest's: the first failure is one of the check."""

    @contextmanager
    def test(self, *_names: object, **_values: object) -> Iterator[None]:
        yield


def checks_of(contract: type[OrderingContract]) -> list[str]:
    return sorted(name for name in dir(contract) if name.startswith("test_"))


def failing(contract: type[OrderingContract], make_world: Callable[[], SupplierWorld]) -> set[str]:
    """Run every check of a contract, each in a new world and for each of its parameters; return those that fail."""
    return {
        name
        for name in checks_of(contract)
        if not all(_holds(contract, name, make_world, **one) for one in _cases(contract, name))
    }


def _cases(contract: type[OrderingContract], name: str) -> list[dict[str, Any]]:
    marks = [mark for mark in getattr(getattr(contract, name), "pytestmark", []) if mark.name == "parametrize"]
    choices = [[{mark.args[0]: value} for value in mark.args[1]] for mark in marks]
    return [{key: value for one in case for key, value in one.items()} for case in itertools.product(*choices)]


def _holds(contract: type[OrderingContract], name: str, make_world: Callable[[], SupplierWorld], **values: Any) -> bool:
    check = getattr(contract(), name)
    if "subtests" in inspect.signature(check).parameters:
        values["subtests"] = Subtests()
    try:
        check(make_world(), **values)
    except (AssertionError, AdapterError, ValueError, TypeError, StopIteration, pytest.fail.Exception):
        return False
    return True


def contract_of(port: type[Any]) -> type[OrderingContract]:
    return DocumentContract if issubclass(port, CorrectPartner) else SupplierContract


def world_around(port: type[Any], **changes: Any) -> Callable[[], SupplierWorld]:
    build = partner_world if issubclass(port, CorrectPartner) else world_of
    return lambda: build(port, **changes)


@pytest.mark.parametrize("port", [Correct, Keyed, Blind, Lagging, StockOnly, CorrectPartner])
def test_of_a_correct_adapter_the_suite_says_nothing(port: type[Any]) -> None:
    assert failing(contract_of(port), world_around(port)) == set()


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.what)
def test_a_wrong_adapter_fails_its_check_and_no_other(wrong: Wrong) -> None:
    assert failing(contract_of(wrong.port), world_around(wrong.port, **wrong.world)) == {wrong.check}


@pytest.mark.parametrize("contract", [OrderingContract, WireContract, SupplierContract, DocumentContract])
def test_every_check_of_the_suite_has_a_wrong_adapter_that_fails_it(contract: type[OrderingContract]) -> None:
    assert set(checks_of(contract)) <= {wrong.check for wrong in WRONG}


def test_a_price_that_was_changed_is_read() -> None:
    class ForgetsPrices(Correct):
        def status(self, entry: Entry) -> SupplierOrderStatus:
            status = super().status(entry)
            plain = tuple(line.model_copy(update={"unit_cost": FIVE}) for line in status.lines)
            return status.model_copy(update={"lines": plain})

    check = "test_an_answer_line_by_line_is_read_as_it_was_said"
    assert failing(SupplierContract, world_around(ForgetsPrices)) == {check}
    assert failing(SupplierContract, world_around(ForgetsPrices, answers_prices=False)) == set()
