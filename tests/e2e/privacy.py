"""Looks for planted personal data where none may be: histories, logs, ids, tasks, timelines.

What is scanned is what the server keeps, event by event, as the bytes it keeps: payloads, failures, summaries, memos,
search attributes and user metadata are all in there, whatever new field comes along. That works because our payloads
are plain JSON; one in another encoding is a finding itself.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import text
from temporalio.api.common.v1 import Payload
from temporalio.api.workflowservice.v1 import ListNamespacesRequest
from temporalio.client import Client

from adapters.database.engine import Database
from tests.e2e.sales import PLANTED_WORDS

CARELESS = "careless"  # what namespaces are called where things leak on purpose

# Encodings whose bytes are their content, so that a look at the bytes is enough. The last two are what the tests of bad
# messages send: a word planted in one of them would be found as well.
READABLE = {b"json/plain", b"json/protobuf", b"binary/null", b"binary/unknown", b""}
# Tables that operators, logs and messages draw from. Personal data has its own places: see models/tables.py.
OPEN_TABLES = (
    "tasks",
    "timeline",
    "commands",
    "incidents",
    "incident_orders",
    "purchase_orders",
    "purchase_order_lines",
    "plans",
    "tracking_checks",
    "offers",
    "costs",
    "configurations",
    "configuration_proposals",
    "backorders",
    "customer_questions",
    "reservations",
    "route_pins",
    "scorecards",
    "partner_news",
    "partner_facts",
    "acknowledged_lines",
    "supplier_invoices",
    "breakers",
    "reply_shapes",
)


class Scanner:
    """Finds words in anything that is text. Findings name the place and the word's number, never the data around."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = [word.lower().encode() for word in words]
        self.findings: list[str] = []
        self.scanned = 0

    def look(self, place: str, content: bytes | str) -> None:
        """Look through one text."""
        self.scanned += 1
        lowered = (content.encode() if isinstance(content, str) else content).lower()
        self.findings += [f"{place}: planted word {number}" for number, word in self._find(lowered)]

    def _find(self, content: bytes) -> Iterator[tuple[int, bytes]]:
        return ((number, word) for number, word in enumerate(self._words) if word in content)

    def look_at_message(self, place: str, message: Message) -> None:
        """Look through a protobuf message, its payloads included."""
        self.look(place, message.SerializeToString())
        for payload in payloads_of(message):
            encoding = payload.metadata.get("encoding", b"")
            if encoding not in READABLE:
                self.findings.append(f"{place}: a payload that can't be read ({encoding.decode(errors='replace')})")
            elif encoding == b"json/plain" and b"\\u" in payload.data:
                self.look(place, json.dumps(json.loads(payload.data), ensure_ascii=False))

    async def look_at_histories(self, client: Client, query: str = "") -> int:
        """Look through every workflow that a query finds: its history and its description. Returns how many."""
        count = 0
        async for execution in client.list_workflows(query):
            count += 1
            await self.look_at_history(client, execution.id, execution.run_id)
        return count

    async def look_at_history(self, client: Client, workflow_id: str, run_id: str | None = None) -> None:
        """Look through one workflow: its id, its description with memo and pending failures, and all its events."""
        self.look("a workflow id", workflow_id)
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        self.look_at_message(f"{workflow_id} description", (await handle.describe()).raw_description)
        async for event in handle.fetch_history_events():
            self.look_at_message(f"{workflow_id} event {event.event_id}", event)

    def look_at_log(self, path: Path) -> int:
        """Look through a log, line by line. Returns how many lines there are."""
        lines = path.read_bytes().splitlines()
        for number, line in enumerate(lines, 1):
            self.look(f"{path.name} line {number}", re.sub(rb"\\u00([0-7][0-9a-f])", _unescaped, line))
        return len(lines)

    def look_at_tables(self, database: Database) -> None:
        """Look through every row of the tables that are open to view."""
        for table in OPEN_TABLES:
            with database.begin() as tx:
                for (row,) in tx.execute(text(f"SELECT to_jsonb({table})::text FROM {table}")):
                    self.look(f"table {table}", row)


async def leaks_of(address: str, apart_from: str = CARELESS) -> list[str]:
    """Look through all that a server has kept, but for where things leak on purpose. Returns what is wrong."""
    scanner = Scanner(PLANTED_WORDS)
    service = (await Client.connect(address)).workflow_service
    listed = await service.list_namespaces(ListNamespacesRequest(page_size=1000))
    names = [namespace.namespace_info.name for namespace in listed.namespaces]
    for name in names:
        if name != "temporal-system" and not name.startswith(apart_from):
            await scanner.look_at_histories(await Client.connect(address, namespace=name))
    return scanner.findings


def payloads_of(message: Message) -> Iterator[Payload]:
    """Find every payload in a message, however deep."""
    if isinstance(message, Payload):
        yield message
        return
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for part in _parts(descriptor.message_type.GetOptions().map_entry, value):
            if isinstance(part, Message):
                yield from payloads_of(part)


def _parts(is_map: bool, value: Any) -> Iterable[Any]:
    if is_map:
        return list(value.values())
    return [value] if isinstance(value, Message) else list(value)


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)])
