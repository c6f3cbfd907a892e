"""The text that people read: an order and a task, rendered from their shapes."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from rich.text import Text

from models.base import format_duration
from starter.console import console, instant, print_table, text_of
from starter.plan_pages import print_brief, print_candidates

Shape = Mapping[str, Any]
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_LENGTH = re.compile(r"P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?(?<![PT])")


def print_order(page: Shape) -> None:
    """Print everything about an order: where it is, what it waits for, what happened."""
    _print_header(page)
    print_table(
        ["line", "article", "EAN", "ordered", "shipped", "open", "cancelled"],
        [
            [line["line_id"], line["title"] or line["sku"], line["ean"], *(line[name] for name in _QUANTITIES)]
            for line in page["lines"]
        ],
    )
    if page["plan"]:
        _line("")
        print_brief(page["plan"], page["name"], page["currency"])
    for one in page["purchase_orders"]:
        _print_purchase_order(one)
    for incident in page["incidents"]:
        back = f"; it is back since {instant(incident['recovered_at'])}" if incident["recovered_at"] else ""
        _line("", f"Incident: {incident['supplier']} {incident['kind']} since {instant(incident['opened_at'])}{back}")
    for task in page["tasks"]:
        _line("")
        print_task(task)
    _print_timeline(page)


_QUANTITIES = ("ordered", "shipped", "open", "cancelled")


def _print_header(page: Shape) -> None:
    test = " · test" if page["test"] else ""
    _line(
        f"{page['name']} ({page['order']}) · {page['stage']} · {page['total']} {page['currency']}{test}", style="bold"
    )
    _line(
        f"Placed {instant(page['placed_at'])}, received {instant(page['received_at'])}. Workflow {page['workflow_id']}"
    )
    if page["cancel_requested_at"]:
        _line(f"Its cancellation was asked for {instant(page['cancel_requested_at'])}.")
    for wait in page["awaits"]:
        _line(f"Waits for {_described(wait)}")
    _line("")


def _described(wait: Shape) -> str:
    since = f", since {instant(wait['since'])}" if wait["since"] else ""
    until = f", until {instant(wait['until'])}" if wait["until"] else ""
    return f"{wait['what']}{since}{until}.{' Then: ' + wait['then'] if wait['then'] else ''}"


def _print_purchase_order(one: Shape) -> None:
    their = f", there {one['supplier_number']}" if one["supplier_number"] else ""
    _line("")
    _line(f"{one['number']} at {one['supplier']}{their} · {one['state'].replace('_', ' ')}", style="bold")
    shares = ", ".join(f"{line['quantity']} x {line['ean']}" for line in one["lines"])
    shipping = f"; by {one['carrier']} (cost id {one['quote_id']})" if one["carrier"] else ""
    _line(f"  {shares}{shipping}")
    if one["costs"]:
        costs = ", ".join(f"{cost['kind']} {cost['amount']} {cost['currency']}" for cost in one["costs"])
        _line(f"  Costs: {costs}")
    for check in one["checks"]:
        answer = check["answer"] or f"no answer, {check['errors']} times asked"
        _line(f"  {check['kind']} check {check['check_no']}, asked {instant(check['asked_at'])}: {answer}")
    for parcel in one["parcels"]:
        told = f"storefront told {instant(parcel['fulfilled_at'])}" if parcel["fulfilled_at"] else "storefront not told"
        _line(f"  Parcel {parcel['tracking_number']} {parcel['carrier']} ({parcel['source']}; {told}) {parcel['url']}")


def _print_timeline(page: Shape) -> None:
    _line("")
    print_table(
        ["when", "who", "what", ""],
        [
            [entry["at"], entry["actor"], _event(entry["event"]), _details(entry["purchase_order"], entry["detail"])]
            for entry in page["timeline"]
        ],
        title="What happened",
    )
    for wait in page["awaits"]:
        _line(f"Next: {_described(wait)}")


def _event(event: str) -> str:
    return event.replace("_", " ").replace(".", ": ", 1)


def _details(purchase_order: str | None, detail: Mapping[str, Any]) -> str:
    told = {name: value for name, value in detail.items() if name != "reasons" and value not in ("", {}, [])}
    words = [f"{name.replace('_', ' ')} {_evidence(value)}" for name, value in told.items()]
    return "; ".join([purchase_order, *words] if purchase_order else words)


def print_task(task: Shape) -> None:
    """Print a task: the question, what is known, and each answer with its command and its consequence."""
    about = f"{task['name']} ({task['order']}) · " if task["order"] else ""
    _line(f"Task {task['task']} · {about}{task['category'].replace('_', ' ')} · {task['owner']}", style="bold")
    _line(task["question"])
    for name, value in task["evidence"].items():
        if name == "candidates":
            print_candidates(value)
        else:
            _line(f"  {name.replace('_', ' ')}: {_evidence(value)}")
    if task["state"] != "open":
        _line(f"Closed {text_of(task['closed_at'])} by {task['answered_by']}: {task['answer']}")
        return
    for alternative in task["alternatives"]:
        _line(f"  {alternative['label']}: {alternative['consequence']}")
        _line(f"      {alternative['command']}", style="cyan")
    _line(f"Open since {instant(task['opened_at'])}; reminder {instant(task['remind_at'])}. {task['if_silent']}")


def _evidence(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_evidence(one)}" for name, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(_evidence(one) for one in value)
    return _in_words(value) if isinstance(value, str) else text_of(value)


def _in_words(value: str) -> str:
    """Write an instant or a length of time, which entries keep as ISO 8601, as people read it."""
    if _INSTANT.fullmatch(value):
        return instant(datetime.fromisoformat(value).astimezone(UTC))
    if _LENGTH.fullmatch(value):
        return format_duration(TypeAdapter(timedelta).validate_python(value))
    return text_of(value)


def print_personal(details: Mapping[str, Any]) -> None:
    """Print the address and the notes."""
    address = details["address"] or {}
    _line("")
    _line(f"Ships to ({details['address_from']}): {', '.join(value for value in address.values() if value)}")
    for note in details["notes"]:
        _line(f"Note {note['id']} by {note['author']}, {instant(note['stored_at'])}: {note['text']}")


def _line(*parts: str, style: str = "") -> None:
    console().print(Text(" ".join(part for part in parts if part), style=style), soft_wrap=True)
