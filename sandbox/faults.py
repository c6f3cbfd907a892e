"""The fault layer of every simulated system: ASGI middleware that spoils answers by a plan.

A plan is a list of rules, given over HTTP and repeatable by its seed:

    POST   /_sandbox/faults   {"rules": [{"operation": "setCreateOrder$", "kind": "reset_after", "times": 1}],
                               "seed": 7, "add": false}
    GET    /_sandbox/faults   the rules, with how many calls each has seen and spoilt
    DELETE /_sandbox/faults   no more faults

For each call the rules are tried in order. Latencies add up; the first other rule that fires ends the search, so
later rules don't count that call. Paths below ``/_sandbox/`` are never spoilt.
"""

import asyncio
import json
import random
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.serving import CLOSE_EXTENSION, RESET_EXTENSION

ADMIN_PREFIX = "/_sandbox/"
FAULTS_PATH = "/_sandbox/faults"
OperationNamer = Callable[[Scope, bytes], str]


class Kind(StrEnum):
    """What goes wrong. "Before" and "after" say whether the request was processed."""

    LATENCY = "latency"  # processed ``milliseconds`` later, also when the client has gone meanwhile
    THROTTLED = "throttled"  # 429 with Retry-After, before
    ERROR = "error"  # ``status``, before; after with ``processed``
    RESET_BEFORE = "reset_before"  # TCP RST once the request was read
    RESET_AFTER = "reset_after"
    HANG = "hang"  # no answer until the client gives up, before; after with ``processed``
    CUT_OFF = "cut_off"  # after: half of the announced body, then the connection closes
    TRUNCATED = "truncated"  # after: half of the body, announced as whole
    INVALID_JSON = "invalid_json"  # after: not JSON, announced as JSON
    WRONG_CONTENT_TYPE = "wrong_content_type"  # after: an HTML page with status 200


@dataclass
class Rule:
    """One fault: for which operations (a regular expression, searched), of which kind, and how often.

    ``skip`` matching calls pass first; then at most ``times`` are spoilt (None: no limit), each with ``probability``.
    """

    kind: Kind
    operation: str = ""
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    milliseconds: int = 500
    status: int = 503
    retry_after: int = 1
    processed: bool = False
    seen: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)

    def fires(self, operation: str, chance: random.Random) -> bool:
        """Count a call, and say whether this rule spoils it."""
        if (self.times is not None and self.fired >= self.times) or not re.search(self.operation, operation):
            return False
        self.seen += 1
        if self.seen <= self.skip or chance.random() >= self.probability:
            return False
        self.fired += 1
        return True


class Plan:
    """The rules in force. The same seed and the same calls give the same faults."""

    def __init__(self, rules: list[Rule] | None = None, seed: int = 0) -> None:
        self.replace(rules or [], seed)

    def replace(self, rules: list[Rule], seed: int = 0) -> None:
        """Forget all rules and counts, and start from these."""
        self.seed = seed
        self._rules: list[tuple[Rule, random.Random]] = []
        self.add(rules)

    def add(self, rules: list[Rule]) -> None:
        """Append rules; those in force keep their counts."""
        for rule in rules:
            self._rules.append((rule, random.Random(f"{self.seed}:{len(self._rules)}")))

    @property
    def rules(self) -> list[Rule]:
        """All rules, with their counts."""
        return [rule for rule, _ in self._rules]

    def pick(self, operation: str) -> tuple[float, Rule | None]:
        """Say what happens to this call: seconds of latency, and the rule that spoils it."""
        seconds = 0.0
        for rule, chance in self._rules:
            if not rule.fires(operation, chance):
                continue
            if rule.kind is not Kind.LATENCY:
                return seconds, rule
            seconds += rule.milliseconds / 1000
        return seconds, None


def read_rules(document: object) -> tuple[list[Rule], int, bool]:
    """Read (rules, seed, add) from a posted document. Raises TypeError or ValueError saying what is wrong with it."""
    if not isinstance(document, dict) or not isinstance(document.get("rules"), list):
        raise TypeError('expected {"rules": [...]}')
    return [_read_rule(rule) for rule in document["rules"]], int(document.get("seed", 0)), bool(document.get("add"))


class FaultLayer:
    """ASGI middleware that spoils what its application answers, by a plan.

    ``name_operation`` gives a call the name that rules match, from its scope and body; by default its path.
    """

    def __init__(self, app: ASGIApp, plan: Plan | None = None, name_operation: OperationNamer | None = None) -> None:
        self.app = app
        self.plan = plan or Plan()
        self.name_operation = name_operation or (lambda scope, _body: str(scope["path"]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the plan's own calls, pass administration on, and spoil the rest as planned."""
        if scope["type"] != "http" or (scope["path"].startswith(ADMIN_PREFIX) and scope["path"] != FAULTS_PATH):
            await self.app(scope, receive, send)
            return
        body = await _read_body(receive)
        if scope["path"] == FAULTS_PATH:
            await self._administer(scope["method"], body)(scope, receive, send)
            return
        seconds, rule = self.plan.pick(self.name_operation(scope, body))
        await asyncio.sleep(seconds)
        if rule is None:
            await self.app(scope, _replay(body, receive), send)
        else:
            await self._spoil(rule, scope, body, receive, send)

    def _administer(self, method: str, body: bytes) -> Response:
        if method == "DELETE":
            self.plan.replace([])
        elif method == "POST":
            try:
                rules, seed, add = read_rules(json.loads(body))
            except (ValueError, TypeError, re.error) as error:
                return JSONResponse({"error": str(error)}, status_code=400)
            if add:
                self.plan.add(rules)
            else:
                self.plan.replace(rules, seed)
        return JSONResponse({"seed": self.plan.seed, "rules": [asdict(rule) for rule in self.plan.rules]})

    async def _spoil(self, rule: Rule, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        answer: Response | None = None
        if rule.processed or rule.kind not in (Kind.THROTTLED, Kind.ERROR, Kind.RESET_BEFORE, Kind.HANG):
            answer = await _answer(self.app, scope, body)
        if rule.kind in (Kind.RESET_BEFORE, Kind.RESET_AFTER):
            scope["extensions"][RESET_EXTENSION]()
        if rule.kind in (Kind.RESET_BEFORE, Kind.RESET_AFTER, Kind.HANG):
            await _await_disconnect(receive)
        elif rule.kind is Kind.CUT_OFF and answer is not None:
            await _send_half(answer, send)
            scope["extensions"][CLOSE_EXTENSION]()
            await _await_disconnect(receive)
        else:
            await _spoilt(rule, answer)(scope, receive, send)


def _spoilt(rule: Rule, answer: Response | None) -> Response:
    """Build what is sent instead of the application's answer."""
    if rule.kind is Kind.THROTTLED:
        return JSONResponse({"error": "too_many_requests"}, 429, {"Retry-After": str(rule.retry_after)})
    if rule.kind is Kind.ERROR or answer is None:
        return Response("<html><body>Service unavailable</body></html>", rule.status, media_type="text/html")
    if rule.kind is Kind.TRUNCATED:
        whole = bytes(answer.body)
        return Response(whole[: len(whole) // 2], answer.status_code, media_type="application/json")
    if rule.kind is Kind.INVALID_JSON:
        return Response("{'result': None,}", answer.status_code, media_type="application/json")
    return Response("<html><body>Welcome</body></html>", 200, media_type="text/html")


async def _answer(app: ASGIApp, scope: Scope, body: bytes) -> Response:
    """Run the application and keep its answer instead of sending it."""
    answer = Response()
    chunks: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status_code, answer.raw_headers = message["status"], list(message["headers"])
        else:
            chunks.append(message.get("body", b""))

    async def never() -> Message:
        return {"type": "http.disconnect"}

    await app(scope, _replay(body, never), keep)
    answer.body = b"".join(chunks)
    return answer


async def _send_half(answer: Response, send: Send) -> None:
    """Announce the whole body and send half of it."""
    headers = [(name, value) for name, value in answer.raw_headers if name != b"content-length"]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    half = bytes(answer.body)[: len(answer.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})


async def _read_body(receive: Receive) -> bytes:
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(pieces)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that was already read to the application, as if it came from the network."""
    pending = [body]

    async def replayed() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return replayed


async def _await_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _read_rule(document: Any) -> Rule:
    known = {item.name for item in fields(Rule) if item.init}
    if not isinstance(document, dict) or not set(document) <= known:
        raise ValueError(f"a rule is an object with some of: {', '.join(sorted(known))}")
    rule = Rule(**{**document, "kind": Kind(document.get("kind", ""))})
    re.compile(rule.operation)
    return rule
