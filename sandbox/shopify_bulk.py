"""Bulk operations of the simulated shop: files that are uploaded, worked through line by line beside everything else,
and answered with a file.

At most five run at once, at a rate that can be set. A line whose mutation is one of the three writes of stock, price
and words runs without a GraphQL engine.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from graphql import DocumentNode, FieldNode, GraphQLError, OperationDefinitionNode, ValueNode, VariableNode
from graphql.utilities import value_from_ast_untyped

from sandbox import shopify_stock as stock
from sandbox.shopify_bodies import stamp
from sandbox.shopify_paging import View, connection, gid
from sandbox.shopify_search import order_filter
from sandbox.shopify_world import Shop
from sandbox.shopify_writes import Errors, error

UPLOADS_PATH = "/staged-uploads"
RESULTS_PATH = "/bulk-results"
MAX_UPLOAD = 100 * 1024 * 1024
MAX_RUNNING = 5
SLICE_SECONDS = 0.02  # of work, before whoever else waits has a turn
UNDER_WAY = ("CREATED", "RUNNING")
Arguments = Mapping[str, Any]
Execute = Callable[[DocumentNode, dict[str, Any]], dict[str, Any]]


@dataclass
class Operation:
    """A bulk operation as it stands."""

    id: str
    query: str
    identifier: str | None
    created_at: str
    lines: list[bytes]
    status: str = "CREATED"
    error_code: str | None = None
    done: int = 0
    completed_at: str | None = None
    answer: bytes = b""

    def view(self, address: str) -> View:
        """Show it by GraphQL."""
        ready = self.status == "COMPLETED"
        return {
            "__typename": "BulkOperation",
            "id": gid("BulkOperation", self.id),
            "status": self.status,
            "type": "MUTATION",
            "query": self.query,
            "errorCode": self.error_code,
            "createdAt": self.created_at,
            "completedAt": self.completed_at,
            "objectCount": str(self.done),
            "rootObjectCount": str(self.done),
            "fileSize": str(len(self.answer)) if ready else None,
            "url": f"{address}{RESULTS_PATH}/{self.id}.jsonl?signature=secret" if ready else None,
        }

    def report(self) -> View:
        """Show it in the books."""
        return {"id": self.id, "status": self.status, "query": self.query, "done": self.done}


@dataclass
class Bulk:
    """The bulk machinery of one shop. ``execute`` runs any other mutation by GraphQL."""

    shop: Shop
    execute: Execute
    lines_per_second: float | None = None
    fails_with: str | None = None  # the error code of operations that start from now on
    operations: dict[str, Operation] = field(default_factory=dict)
    _uploads: dict[str, bytes | None] = field(default_factory=dict)  # path -> content, None until it is there
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def reserve(self, given: Arguments) -> View:
        """Reserve a place for a file."""
        path = f"tmp/1/bulk/{uuid4()}/{given['filename']}"
        self._uploads[path] = None
        form = {"key": path, "Content-Type": given["mimeType"], "success_action_status": "201", "policy": "cG9saWN5"}
        return {
            "url": f"{self.shop.address}{UPLOADS_PATH}",
            "resourceUrl": f"{self.shop.address}{UPLOADS_PATH}/{path}",
            "parameters": [{"name": name, "value": value} for name, value in form.items()],
        }

    def keep(self, path: str, content: bytes) -> bool:
        """Keep an uploaded file; False where nobody reserved its place."""
        if path not in self._uploads:
            return False
        self._uploads[path] = content
        return True

    def start(
        self, query: str, document: DocumentNode, path: str, identifier: str | None
    ) -> tuple[View | None, Errors]:
        """Start an operation, if a place is free and its file is there."""
        if sum(one.status in UNDER_WAY for one in self.operations.values()) >= MAX_RUNNING:
            return None, [error("Bulk operations limit reached. Please try again later.", code="LIMIT_REACHED")]
        content = self._uploads.get(path)
        if content is None:
            return None, [error("The JSONL file could not be found.", "stagedUploadPath", code="NO_SUCH_FILE")]
        number = str(self.shop.new_id())
        lines = content.splitlines()
        self._uploads[path] = None
        operation = Operation(number, query, identifier, stamp(self.shop.clock()), lines)
        self.operations[number] = operation
        task = asyncio.get_running_loop().create_task(self._run(operation, document))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return operation.view(self.shop.address), []

    def page(self, arguments: Arguments) -> View:
        """Search the operations, newest first. Raises ValueError where the search is not understood."""
        matches = order_filter(arguments.get("query"))
        found = [
            (f"{int(one.id):020}", one.view(self.shop.address))
            for one in self.operations.values()
            if matches({"status": one.status, "operation_type": "mutation", "created_at": one.created_at})
        ]
        return connection(found, arguments.get("first"), arguments.get("after"), reverse=True)

    async def close(self) -> None:
        """Stop what runs."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, operation: Operation, document: DocumentNode) -> None:
        await asyncio.sleep(0)
        operation.status = "RUNNING"
        run = self._runner(document)
        answers: list[bytes] = []
        started = paused = time.monotonic()
        for number, line in enumerate(operation.lines):
            answers.append(json.dumps({**_answer(run, line), "__lineNumber": number}).encode())
            operation.done = number + 1
            behind = (
                operation.done / self.lines_per_second - (time.monotonic() - started) if self.lines_per_second else 0
            )
            if behind > 0 or time.monotonic() - paused > SLICE_SECONDS:
                await asyncio.sleep(max(behind, 0))
                paused = time.monotonic()
            if self.fails_with:
                break
        operation.lines = []
        operation.status, operation.error_code = ("FAILED", self.fails_with) if self.fails_with else ("COMPLETED", None)
        operation.answer = b"".join(answer + b"\n" for answer in answers)
        operation.completed_at = stamp(self.shop.clock())

    def _runner(self, document: DocumentNode) -> Callable[[dict[str, Any]], dict[str, Any]]:
        call = _call(document)
        write = {
            "inventorySetQuantities": self._quantities,
            "productVariantsBulkUpdate": self._prices,
            "metafieldsSet": self._words,
        }.get(call.name.value)
        if write is None:
            return lambda variables: self.execute(document, variables)
        name = call.name.value
        return lambda variables: {"data": {name: {"userErrors": write(_arguments(call, variables))}}}

    def _quantities(self, given: Arguments) -> Errors:
        return stock.set_quantities(self.shop, given["input"], given.get("key"))

    def _prices(self, given: Arguments) -> Errors:
        partial = bool(given.get("allowPartialUpdates"))
        return stock.set_prices(self.shop, given["productId"], given["variants"], partial=partial)

    def _words(self, given: Arguments) -> Errors:
        return stock.set_words(self.shop, given["metafields"])


def _answer(run: Callable[[dict[str, Any]], dict[str, Any]], line: bytes) -> dict[str, Any]:
    try:
        return run(json.loads(line))
    except GraphQLError as failure:
        return {"data": None, "errors": [failure.formatted]}
    except (ValueError, LookupError, TypeError):
        return {
            "data": None,
            "errors": [{"message": "Variables are invalid", "extensions": {"code": "INVALID_VARIABLE"}}],
        }


def _call(document: DocumentNode) -> FieldNode:
    operation = next(one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    call = operation.selection_set.selections[0]
    assert isinstance(call, FieldNode)
    return call


def _arguments(call: FieldNode, variables: dict[str, Any]) -> dict[str, Any]:
    """Put the variables where the document wants them, those of directives beside those of the field."""
    named = [
        *(call.arguments or ()),
        *(one for directive in call.directives or () for one in directive.arguments or ()),
    ]
    return {one.name.value: _value(one.value, variables) for one in named}


def _value(node: ValueNode, variables: dict[str, Any]) -> Any:
    return variables.get(node.name.value) if isinstance(node, VariableNode) else value_from_ast_untyped(node)
