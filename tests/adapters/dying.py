"""Processes that place an order and die on the way: ``python -m tests.adapters.dying``, told by lines of its input.

A line is ``ADAPTER URL QUOTE STEP before|after``. Each becomes a process of its own, which ends right before or after the
n-th call that placing makes, as a kill would have it; its exit code is written as a line.
"""

import os
import sys
from typing import Any

from adapters.http import HttpApi
from dropwright.testing.contract import CUSTOMER
from models.suppliers import SupplierLine, SupplierOrder
from sandbox.catalogue import plain_eans
from tests.adapters import generic_rest, printful

KILLED = 9


def order(quote_id: str) -> SupplierOrder:
    """Fill in the order that is placed, here and by whoever goes on."""
    lines = (SupplierLine(ean=plain_eans()[0], quantity=2), SupplierLine(ean=plain_eans()[1], quantity=1))
    return SupplierOrder(number="DW-1-11", lines=lines, quote_id=quote_id, address=CUSTOMER, test=False)


def port_of(adapter: str, url: str) -> Any:
    """Build the port by its adapter's name."""
    if adapter == "printful":
        return printful.port(url)
    return generic_rest.port(url, generic_rest.by_look_up() if adapter == "look_up" else generic_rest.profile())


def die_at(step: int, when: str) -> None:
    """Let this process end before or after its n-th call, and never later."""
    calls, made = HttpApi._call, [0]

    def dying(self: HttpApi, *arguments: Any, **options: Any) -> Any:
        made[0] += 1
        if made[0] == step and when == "before":
            os._exit(KILLED)
        response = calls(self, *arguments, **options)
        if made[0] == step:
            os._exit(KILLED)
        return response

    HttpApi._call = dying  # type: ignore[method-assign]


def place_and_die(adapter: str, url: str, quote_id: str, step: str, when: str) -> None:
    """Place the order, as far as that goes."""
    port = port_of(adapter, url)
    die_at(int(step), when)
    port.place_order(order(quote_id))


def main() -> None:
    """Fork for every line: a process that has all in memory dies as well as a new one."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                place_and_die(*line.split())
            finally:
                os._exit(1)  # it outlived its death
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
