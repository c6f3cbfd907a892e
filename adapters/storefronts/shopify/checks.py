"""Whether a shop is set up so that nothing of ours fails silently there. Pure."""

from collections.abc import Iterable, Sequence

from adapters.errors import AdapterError, AuthenticationFailed
from models.findings import Finding, Severity
from models.supply import Publishing

NOTE_TYPE = "single_line_text_field"
NOTE_KEYS = {"shipping_cost_id": "Shipping cost id", "order_number": "Supplier order number"}
REQUIRED_SCOPES = {
    "read_orders": "to read payment and lines",
    "write_orders": "to write metafields to orders",
    "read_products": "to read barcodes",
    "read_merchant_managed_fulfillment_orders": "to see what is still to be fulfilled",
    "write_merchant_managed_fulfillment_orders": "to create fulfilments",
}
PUBLISHING_SCOPES = {
    "read_inventory": "to read what the shop shows as available",
    "read_locations": "to find the location whose stock we keep",
    "write_products": "to write prices and availability texts",
}
QUANTITY_SCOPES = {"write_inventory": "to write available quantities"}
Definitions = Sequence[tuple[str, str, str]]  # (namespace, key, type)


def required_scopes(publishing: Publishing) -> dict[str, str]:
    """Name the scopes our documents need in this channel, and what for. Without publishing, nothing of it is asked for."""
    further = PUBLISHING_SCOPES if publishing.quantities or publishing.prices else {}
    return REQUIRED_SCOPES | further | (QUANTITY_SCOPES if publishing.quantities else {})


def missing_scopes(granted: Iterable[str], required: Iterable[str]) -> list[str]:
    """Name the scopes that the token lacks. Permission to write includes permission to read."""
    held = set(granted)
    held |= {scope.replace("write_", "read_", 1) for scope in held if scope.startswith("write_")}
    return [scope for scope in required if scope not in held]


def judge_scopes(area: str, granted: Iterable[str], publishing: Publishing) -> list[Finding]:
    """Say which scopes are missing, one finding each, or that all are there."""
    required = required_scopes(publishing)
    missing = missing_scopes(granted, required)
    if not missing:
        return [Finding(area=area, severity=Severity.OK, subject="access scopes", message="all granted")]
    return [
        Finding(
            area=area,
            severity=Severity.ERROR,
            subject="access scopes",
            message=f"{scope} is missing: needed {required[scope]}",
            remedy=f"grant {scope} to the app and install it again, then put its new token in place",
        )
        for scope in missing
    ]


def judge_location(area: str, location: str, *, active: bool | None) -> Finding:
    """Judge the location whose stock we keep; ``active`` is None where the shop has none of that id."""
    problems = {None: "no such location in this shop", False: "the location is deactivated"}
    problem = "no location is named" if not location else problems.get(active)
    if problem is None:
        return Finding(area=area, severity=Severity.OK, subject="location", message=f"{location} is active")
    return Finding(
        area=area,
        severity=Severity.ERROR,
        subject="location",
        message=f"publishing.location: {problem}",
        remedy="put the number from the location's address in the shop's admin (Settings, Locations) there",
    )


def judge_definitions(area: str, definitions: Definitions, namespaces: Iterable[str]) -> list[Finding]:
    """Judge every metafield definition we write to, below each namespace."""
    return [
        judge_definition(area, definitions, namespace, key)
        for namespace in dict.fromkeys(namespaces)
        for key in NOTE_KEYS
    ]


def judge_definition(area: str, definitions: Definitions, namespace: str, key: str) -> Finding:
    """Judge one metafield definition: there, of another type, there under another spelling, or missing."""
    subject = f"metafield {namespace}.{key}"
    types = {(space, name): kind for space, name, kind in definitions}
    kind = types.get((namespace, key))
    if kind == NOTE_TYPE:
        return Finding(area=area, severity=Severity.OK, subject=subject, message="defined")
    if kind is not None:
        return Finding(
            area=area,
            severity=Severity.ERROR,
            subject=subject,
            message=f"is defined with type {kind}; we write {NOTE_TYPE}",
            remedy="delete that definition in the shop's settings (Custom data, Orders), then run doctor --fix",
        )
    twin = _twin(definitions, namespace, key)
    if twin:
        return Finding(
            area=area,
            severity=Severity.ERROR,
            subject=subject,
            message=f"is not defined, but {twin}.{key} is: the names differ only in upper and lower case",
            remedy=f'set metafield_namespace = "{twin}" in the configuration, or delete it and run doctor --fix',
        )
    return Finding(
        area=area,
        severity=Severity.ERROR,
        subject=subject,
        message="is not defined for orders",
        remedy="run doctor --fix, which creates it",
        fixable=True,
    )


def unreachable(area: str, subject: str, error: AdapterError) -> Finding:
    """Say that something could not be checked, and what to do about it."""
    remedy = "check shop_domain, api_url and the network, then run doctor again"
    if isinstance(error, AuthenticationFailed):
        remedy = "put a valid Admin API access token of this shop into the variable that token_env names"
    return Finding(area=area, severity=Severity.ERROR, subject=subject, message=str(error), remedy=remedy)


def definition_input(namespace: str, key: str) -> dict[str, object]:
    """Write the definition of one of our metafields, shown to the merchant on the order's page."""
    return {
        "name": f"{namespace}: {NOTE_KEYS[key]}",
        "namespace": namespace,
        "key": key,
        "type": NOTE_TYPE,
        "ownerType": "ORDER",
        "pin": True,
    }


def _twin(definitions: Definitions, namespace: str, key: str) -> str | None:
    for space, name, _ in definitions:
        if name == key and space != namespace and space.casefold() == namespace.casefold():
            return space
    return None
