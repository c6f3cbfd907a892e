"""What leaves for a supplier: a profile's templates, filled in. Pure: no network, no clock.

Names in templates: ``order`` (as ``models.suppliers.SupplierOrder``, with ``line`` in loops), ``supplier_number``,
``eans``, ``destination``, ``lines``, and of feeds ``page``, ``cursor`` and ``since``. Amounts are texts: ``| cents`` and
``| number`` write them otherwise.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.errors import Refused
from adapters.suppliers.generic_rest import templates
from adapters.suppliers.generic_rest.profile import Call
from adapters.suppliers.generic_rest.templates import Context, Place, TemplateProblem
from models.suppliers import Destination, SupplierLine, SupplierOrder

BAD_TEMPLATE = "bad_template"


@dataclass(frozen=True)
class Prepared:
    """A call as it leaves, without its credential."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)  # httpx's own options: json or data


def about_order(order: SupplierOrder) -> Context:
    """Name an order in a template."""
    return {"order": order.model_dump(mode="json")}


def about_number(supplier_number: str) -> Context:
    """Name a supplier's order in a template."""
    return {"supplier_number": supplier_number}


def about_stock(eans: Sequence[str]) -> Context:
    """Name articles in a template."""
    return {"eans": list(eans)}


def about_shipping(destination: Destination, lines: Sequence[SupplierLine]) -> Context:
    """Name what is shipped, and where."""
    return {
        "destination": destination.model_dump(mode="json"),
        "lines": [line.model_dump(mode="json") for line in lines],
    }


def about_page(page: int, cursor: str, since: str) -> Context:
    """Name a page of a feed."""
    return {"page": page, "cursor": cursor, "since": since}


def prepare(operation: str, call: Call, context: Context) -> Prepared:
    """Fill in a call. Raises Refused("bad_template"): nothing left us, and it never will until a person mends it."""
    try:
        return fill_in(call, context)
    except TemplateProblem as problem:
        place = ".".join(map(str, problem.place))
        raise Refused(f"{operation}: {place} can't be filled in", code=BAD_TEMPLATE) from None


def fill_in(call: Call, context: Context) -> Prepared:
    """Fill in a call. Raises TemplateProblem with the place in the profile."""
    body: dict[str, Any] = {}
    if call.body is not None:
        body["json"] = _at(("body",), lambda: templates.fill(call.body, context))
    if call.form:
        body["data"] = _form(_pairs("form", call.form, context))
    return Prepared(
        method=call.method,
        # Without its slash, "orders:place" would be read as an address of another kind.
        path="/" + _at(("path",), lambda: templates.fill_path(call.path, context)).lstrip("/"),
        query=list(_pairs("query", call.query, context)),
        headers={
            name: _at(("headers", name), lambda text=text: templates.fill_header(text, context))
            for name, text in call.headers.items()
        },
        body=body,
    )


def _pairs(section: str, table: Mapping[str, str], context: Context) -> Iterator[tuple[str, str]]:
    """Fill in a query or form: a list becomes several parameters of one name, null none."""
    for name, source in table.items():
        value = _at((section, name), lambda source=source: templates.fill(source, context))
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Mapping | list):
                raise TemplateProblem((section, name), "is no text")
            if one is not None:
                yield name, _text(one)


def _form(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Gather what has one name: httpx takes a form by name."""
    form: dict[str, list[str]] = {}
    for name, text in pairs:
        form.setdefault(name, []).append(text)
    return form


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _at(place: Place, fill: Any) -> Any:
    try:
        return fill()
    except TemplateProblem as problem:
        raise TemplateProblem((*place, *problem.place), str(problem)) from None
