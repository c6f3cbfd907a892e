"""The lock on everything that crosses a wire: what workflows, activities, signals and updates take and return.

Inputs stay readable for 90 days, because a poll that waits by retry, and a workflow that waits for a person, outlive
deployments. So fields are only ever added, and with a default. After adding one, bring the lock up to date:

    python -m tests.models.wire_contracts

It refuses to take anything out of the lock. Where something was out of use for 90 days, edit the file by hand.
"""

import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from temporalio import activity, workflow
from typing_extensions import TypeIs

import worker
from activities.mail import MailActivities
from activities.orders import OrderActivities
from activities.purchase_orders import PurchaseOrderActivities
from activities.storefronts import StorefrontActivities
from activities.submission import SubmissionActivities
from activities.suppliers import SupplierActivities
from activities.sweeps import SweepActivities
from activities.tasks import TaskActivities
from models.commands import Command, StorefrontEvent, SupplierReported

LOCK = Path(__file__).with_name("contracts.lock.json")
UPDATE = "python -m tests.models.wire_contracts"
DAYS = 90
ACTIVITIES = (
    MailActivities,
    OrderActivities,
    PurchaseOrderActivities,
    StorefrontActivities,
    SubmissionActivities,
    SupplierActivities,
    SweepActivities,
    TaskActivities,
)
HEARD_BY_SIGNALS = (Command, StorefrontEvent, SupplierReported)  # their handlers take anything and read these
_KEPT = ("type", "format", "$ref", "items", "prefixItems", "additionalProperties", "anyOf")

Lock = dict[str, Any]


def current() -> Lock:
    """Describe every call with its types, every contract with its fields, and every enumeration with its values."""
    calls = dict(sorted(_calls()))
    found: dict[str, type] = {}
    for call in _calls():
        _collect(call[1], found)
    _collect(HEARD_BY_SIGNALS, found)
    return {
        "calls": {name: [_name(kind) for kind in kinds] for name, kinds in calls.items()},
        "contracts": {name: _fields(found[name]) for name in sorted(found) if issubclass(found[name], BaseModel)},
        "enumerations": {
            name: sorted(member.value for member in kind) for name, kind in sorted(found.items()) if _is_enum(kind)
        },
    }


def problems(locked: Lock, now: Lock) -> list[str]:
    """Say what would break a reader of what is locked; where nothing would, what is not locked yet."""
    return breaks(locked, now) or list(_not_locked(locked, now))


def breaks(locked: Lock, now: Lock) -> list[str]:
    """Say what would break a message, an input or a result of the last 90 days."""
    return [*_broken_calls(locked, now), *_broken_contracts(locked, now), *_broken_enumerations(locked, now)]


def _broken_calls(locked: Lock, now: Lock) -> Iterator[str]:
    for name, kinds in locked["calls"].items():
        found = now["calls"].get(name)
        if found is None:
            yield f"{name} is gone, but histories and task queues of the last {DAYS} days name it: keep it that long"
        elif found != kinds:
            yield f"{name} was {kinds} and is {found}: add fields to its contract, or a call of another name, instead"


def _broken_contracts(locked: Lock, now: Lock) -> Iterator[str]:
    for contract, fields in locked["contracts"].items():
        found = now["contracts"].get(contract, {})
        for field, was in fields.items():
            if field not in found:
                yield f"{contract}.{field} is gone: what was written in the last {DAYS} days has it; keep it that long"
            elif found[field]["type"] != was["type"]:
                yield f"{contract}.{field} changed its type: add a field of another name, and read both for {DAYS} days"
            elif found[field]["required"] and not was["required"]:
                yield f"{contract}.{field} is required now, but older inputs lack it: give it a default"
        for field in found.keys() - fields.keys():
            if found[field]["required"]:
                yield f"{contract}.{field} is new and required, but older inputs lack it: give it a default"


def _broken_enumerations(locked: Lock, now: Lock) -> Iterator[str]:
    for name, values in locked["enumerations"].items():
        for value in sorted(set(values) - set(now["enumerations"].get(name, ()))):
            yield f"{name} lost the value {value}, which inputs of the last {DAYS} days may hold: keep it that long"


def _not_locked(locked: Lock, now: Lock) -> Iterator[str]:
    for part in ("calls", "contracts", "enumerations"):
        for name in sorted(now[part]):
            if locked[part].get(name) != now[part][name]:
                yield f"{name} has something that is not locked yet: {UPDATE}"


def _calls() -> Iterator[tuple[str, list[Any]]]:
    for kind in worker.WORKFLOWS:
        definition = workflow._Definition.must_from_class(kind)
        yield f"workflow {definition.name}", [*(definition.arg_types or []), definition.ret_type]
        for name, update in definition.updates.items():
            yield f"update {definition.name}.{name}", [*(update.arg_types or []), update.ret_type]
    for owner in ACTIVITIES:
        for _, method in inspect.getmembers(owner, inspect.isfunction):
            if found := activity._Definition.from_callable(method):
                yield f"activity {found.name}", [*(found.arg_types or [])[-1:], found.ret_type]


def _collect(kinds: Iterable[Any], found: dict[str, type]) -> None:
    """Gather contracts and enumerations, and those inside them."""
    for kind in kinds:
        if get_origin(kind) is not None:
            _collect(get_args(kind), found)
        elif inspect.isclass(kind) and kind.__name__ not in found and (_is_enum(kind) or issubclass(kind, BaseModel)):
            found[kind.__name__] = kind
            if issubclass(kind, BaseModel):
                _collect((field.annotation for field in kind.model_fields.values()), found)


def _is_enum(kind: type) -> TypeIs[type[StrEnum]]:
    return issubclass(kind, StrEnum)


def _name(kind: Any) -> str:
    if get_origin(kind) in (Union, UnionType):
        return " | ".join(_name(one) for one in get_args(kind))
    return str(getattr(kind, "__name__", kind))


def _fields(contract: type) -> dict[str, Any]:
    assert issubclass(contract, BaseModel)
    schema = contract.model_json_schema()
    required = set(schema.get("required", ()))
    return {
        name: {"type": _shape(schema["properties"][name]), "required": name in required}
        for name in contract.model_fields
    }


def _shape(schema: Any) -> Any:
    """Keep what a value is, without its bounds and its documentation."""
    if isinstance(schema, list):
        return [_shape(one) for one in schema]
    if not isinstance(schema, dict):
        return str(schema).rpartition("/")[2]
    return {key: _shape(schema[key]) for key in _KEPT if key in schema}


def main() -> int:
    """Bring the lock up to date; with a reason and without a change where that would break readers."""
    now = current()
    if LOCK.exists() and (broken := breaks(json.loads(LOCK.read_text()), now)):
        sys.stderr.write("\n".join([*broken, "Nothing was changed.", ""]))
        return 1
    LOCK.write_text(json.dumps(now, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
