"""Registers our search attributes in the Temporal namespace, and tells whether it knows each by name and type.

Adding a name that exists with another type answers OK, so what is registered is always read back and compared.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows import search_attributes as names

USABLE_SECONDS = 90.0  # a server's frontends look for new attributes once a minute
POLL_SECONDS = 0.2


class SearchAttributesError(RuntimeError):
    """The namespace can't be brought to know our search attributes; the message says what to do."""


@dataclass(frozen=True)
class Comparison:
    """What a namespace knows, against what we use. Types are Temporal's names, e.g. ``KeywordList``."""

    missing: tuple[str, ...] = ()
    wrong: Mapping[str, str] = field(default_factory=dict)  # name -> the type it has there


def wanted() -> dict[str, int]:
    """List our search attributes with their types (``IndexedValueType``)."""
    return {key.name: key.indexed_value_type.value for key in names.ALL}


async def compare(client: Client) -> Comparison:
    """Compare by name and type. Raises RPCError where the server does not answer."""
    reply = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    found = {**reply.system_attributes, **reply.custom_attributes}
    missing = tuple(name for name in wanted() if name not in found)
    wrong = {name: type_name(found[name]) for name, kind in wanted().items() if found.get(name, kind) != kind}
    return Comparison(missing, wrong)


def type_name(value: int) -> str:
    """Write a type as the ``temporal`` CLI takes it: ``Keyword``, ``KeywordList``, ``Datetime``."""
    words = IndexedValueType.Name(IndexedValueType.ValueType(value)).removeprefix("INDEXED_VALUE_TYPE_").split("_")
    return "".join(word.capitalize() for word in words)


def remedy(comparison: Comparison, namespace: str) -> str:
    """Say which commands bring the namespace in order."""
    commands = [
        f"temporal operator search-attribute remove --namespace {namespace} --name {name} --yes"
        for name in comparison.wrong
    ]
    commands += [
        f"temporal operator search-attribute create --namespace {namespace} --name {name} --type {type_name(kind)}"
        for name, kind in wanted().items()
        if name in comparison.missing or name in comparison.wrong
    ]
    return "; ".join(commands)


async def ensure(client: Client) -> None:
    """Register what is missing and wait until all of it can be used. Raises SearchAttributesError where it can't be."""
    comparison = await compare(client)
    if comparison.missing:
        await _add(client, comparison)
    deadline = time.monotonic() + USABLE_SECONDS
    while not await _usable(client):
        if time.monotonic() > deadline:
            raise SearchAttributesError(
                f"the search attributes are not usable after {USABLE_SECONDS:.0f} s: start again"
            )
        await asyncio.sleep(POLL_SECONDS)


async def _add(client: Client, comparison: Comparison) -> None:
    request = AddSearchAttributesRequest(namespace=client.namespace)
    for name in comparison.missing:
        request.search_attributes[name] = IndexedValueType.ValueType(wanted()[name])
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:  # another worker was faster
            raise SearchAttributesError(
                f"the namespace {client.namespace} takes no search attributes from us ({error.status.name}); "
                f"register them yourself: {remedy(comparison, client.namespace)}"
            ) from None


async def _usable(client: Client) -> bool:
    """Say whether the namespace knows every attribute, and whether queries may use them."""
    comparison = await compare(client)
    if comparison.wrong:
        there = ", ".join(f"{name} is {kind}" for name, kind in comparison.wrong.items())
        raise SearchAttributesError(
            f"the namespace {client.namespace} has search attributes of another type ({there}); "
            f"remove and create them: {remedy(comparison, client.namespace)}"
        )
    if comparison.missing:
        return False
    query = " AND ".join(f"{name} IS NULL" for name in wanted())
    try:
        await client.count_workflows(f"WorkflowId = 'none' AND {query}")
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT:  # "… is not a valid search attribute", not yet
            return False
        raise
    return True
