"""Places one order in a process that ends, as if by SIGKILL, before or after one of its calls leaves.

    python -m tests.adapters.placing_child PLUGIN BASE_URL SETTINGS ORDER METHODS PLACE before|after

``METHODS`` are the HTTP methods that count, ``PLACE`` which of those calls it is (from 0). Nothing in the product knows
of this: the client's ``send`` is wrapped.
"""

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from itertools import count
from typing import Any

import httpx

from models.configuration import Supplier
from models.suppliers import SupplierOrder

ENDED = 77  # how a process ends that was ended here


def end_at(place: int, when: str, methods: str, path: str) -> None:
    """End this process at one of its calls."""
    send: Callable[..., httpx.Response] = httpx.Client.send
    places = count()

    def ending(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        counts = request.method in methods.split(",") and path in str(request.url)
        here = counts and next(places) == place
        if here and when == "before":
            os._exit(ENDED)
        response = send(client, request, **options)
        if here:
            os._exit(ENDED)
        return response

    httpx.Client.send = ending  # type: ignore[method-assign]


def main() -> None:
    plugin, settings, order, secret, methods, path, place, when = sys.argv[1:]
    end_at(int(place), when, methods, path)
    port = import_module(f"adapters.suppliers.{plugin}.adapter").build(
        settings=Supplier.model_validate(json.loads(settings)),
        supplier_id=plugin,
        secrets=lambda _name: secret,
        sink=lambda _call: None,
    )
    port.place_order(SupplierOrder.model_validate_json(order))


if __name__ == "__main__":
    main()
