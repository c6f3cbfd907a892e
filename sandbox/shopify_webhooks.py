"""Sends the simulated shop's webhooks as Shopify does: signed, timed out after 5 s, retried eight times, then given up.

Deliveries run in the background, at most eight at once. Each keeps what became of it, for the ledger.
"""

import asyncio
import hmac
import json
import time
import uuid
from base64 import b64encode
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx

API_VERSION = "2026-10"
RETRIES = 8
RETRY_BASE = 56.5  # seconds; doubled for each of the eight retries it comes to four hours
CONNECT_SECONDS, TOTAL_SECONDS = 1.0, 5.0
CONCURRENT = 8


@dataclass(frozen=True)
class Manner:
    """How an event is told. All of it is what the world does to webhooks."""

    times: int = 1  # the same delivery, that often
    fresh_ids: bool = False  # each of them with a webhook id of its own: only the event id shows that they are one
    delay: float = 0.0  # seconds
    after: str = ""  # a topic: only once that one of the same order is through
    forged: bool = False  # signed with another secret, and not by Shopify: never retried
    lost: bool = False  # never sent


@dataclass
class Delivery:
    """One webhook on its way, and every attempt to bring it."""

    topic: str
    order_id: str
    webhook_id: str
    event_id: str
    triggered_at: str
    manner: Manner
    outcome: str = "pending"
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """Write the delivery for the ledger."""
        return {**asdict(self), "manner": {name: value for name, value in asdict(self.manner).items() if value}}


class Sender:
    """Sends webhooks of one shop to one address; lives in the server's event loop."""

    def __init__(
        self, domain: str, secret: str, url: str | None, *, retry_base: float = RETRY_BASE, seed: int = 0
    ) -> None:
        self.domain = domain
        self.secret = secret
        self.url = url
        self.retry_base = retry_base
        self.deliveries: list[Delivery] = []
        self._chance = Random(f"webhooks:{seed}:{domain}")
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._through: dict[tuple[str, str], asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None

    def send(self, topic: str, body: dict[str, Any] | bytes, order_id: object, manner: Manner | None = None) -> None:
        """Tell of an event, in the background. A body that is bytes goes out as it is."""
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        how, event_id, webhook_id = manner or Manner(), self._new_id(), self._new_id()
        for _ in range(how.times):
            own_id = self._new_id() if how.fresh_ids else webhook_id
            delivery = Delivery(topic, str(order_id), own_id, event_id, datetime.now(UTC).isoformat(), how)
            self.deliveries.append(delivery)
            self._start(delivery, raw)

    async def close(self) -> None:
        """Stop everything that is on its way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def _start(self, delivery: Delivery, raw: bytes) -> None:
        if delivery.manner.lost or self.url is None:
            delivery.outcome = "lost" if delivery.manner.lost else "no webhook address"
            return
        task = asyncio.get_running_loop().create_task(self._deliver(delivery, raw))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, delivery: Delivery, raw: bytes) -> None:
        if delivery.manner.after:
            await self._passed(delivery.order_id, delivery.manner.after).wait()
        await asyncio.sleep(delivery.manner.delay)
        for retry in range(1 if delivery.manner.forged else RETRIES + 1):
            if retry:
                await asyncio.sleep(self.retry_base * 2 ** (retry - 1))
            async with self._slots:
                delivered = await self._attempt(delivery, raw)
            if delivered:
                break
        delivery.outcome = "delivered" if delivered else "given up"
        self._passed(delivery.order_id, delivery.topic).set()

    async def _attempt(self, delivery: Delivery, raw: bytes) -> bool:
        started, clock = datetime.now(UTC), time.monotonic()
        result: dict[str, Any] = {}
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                answer = await self._http().post(str(self.url), content=raw, headers=self._headers(delivery, raw))
            result = {"status": answer.status_code}
        except (httpx.HTTPError, TimeoutError) as error:
            result = {"error": type(error).__name__}
        took = round((time.monotonic() - clock) * 1000)
        delivery.attempts.append({"at": started.isoformat(), "milliseconds": took, **result})
        return bool(200 <= result.get("status", 0) < 300)

    def _headers(self, delivery: Delivery, raw: bytes) -> dict[str, str]:
        secret = f"{self.secret}, but not quite" if delivery.manner.forged else self.secret
        return {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": delivery.topic,
            "X-Shopify-Hmac-Sha256": b64encode(hmac.digest(secret.encode(), raw, "sha256")).decode(),
            "X-Shopify-Shop-Domain": self.domain,
            "X-Shopify-API-Version": API_VERSION,
            "X-Shopify-Webhook-Id": delivery.webhook_id,
            "X-Shopify-Event-Id": delivery.event_id,
            "X-Shopify-Triggered-At": delivery.triggered_at,
        }

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            timeout = httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS)
            self._client = httpx.AsyncClient(timeout=timeout, trust_env=False)
        return self._client

    def _passed(self, order_id: str, topic: str) -> asyncio.Event:
        return self._through.setdefault((order_id, topic), asyncio.Event())

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))


def read_manner(form: dict[str, Any] | None) -> Manner:
    """Read how an event is to be told, from ``"webhooks": {"times": 3}``. Raises TypeError for unknown words."""
    return Manner(**(form or {}))
