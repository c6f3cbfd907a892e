"""Webhooks at a fixed rate, open loop: each is due at its instant, and waits from then on, however slow the others are."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from adapters.storefronts.shopify.signature import sign
from bench.stage import CHANNEL, SECRETS, SHOP
from sandbox.catalogue import plain_eans

LATEST_ANSWER = 30.0  # seconds


@dataclass(frozen=True)
class Latencies:
    """What the storefront waited, in milliseconds, and how it was answered."""

    p50_ms: float
    p99_ms: float
    worst_ms: float
    statuses: dict[str, int]


def documents(shop_url: str, count: int) -> list[bytes]:
    """Let so many customers order one unit each, and write down what the shop's webhooks would carry."""
    form = {"lines": [[plain_eans()[0], 1]], "email": "customer@bench.example"}
    with httpx.Client(base_url=shop_url, timeout=30) as shop:
        replies = (shop.post("/_sandbox/orders", json=form).raise_for_status() for _ in range(count))
        return [json.dumps(reply.json()["order"]).encode() for reply in replies]


async def load(url: str, bodies: Sequence[bytes], per_second: int) -> Latencies:
    """Deliver every body at its instant, each over an idle connection or a new one."""
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    postman = _Postman(address.hostname, address.port)
    start = time.perf_counter() + 0.5
    waits = await asyncio.gather(
        *(postman.deliver(body, start + number / per_second) for number, body in enumerate(bodies))
    )
    postman.close()
    waits.sort()
    return Latencies(
        p50_ms=round(waits[len(waits) // 2] * 1000, 1),
        p99_ms=round(waits[int(len(waits) * 0.99)] * 1000, 1),
        worst_ms=round(waits[-1] * 1000, 1),
        statuses=dict(postman.statuses),
    )


class _Postman:
    """A client that costs little: it shares two cores with what it measures."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.statuses: Counter[str] = Counter()

    async def deliver(self, body: bytes, due: float) -> float:
        """Post one body at its instant. Returns the seconds from that instant to the whole answer."""
        head = self._head(body)
        await asyncio.sleep(due - time.perf_counter())
        try:
            async with asyncio.timeout(LATEST_ANSWER):
                reader, writer = self._idle.pop() if self._idle else await self._connect()
                writer.write(head + body)
                self.statuses[await _read_answer(reader)] += 1
                self._idle.append((reader, writer))
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.statuses[type(error).__name__] += 1
        return time.perf_counter() - due

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port)

    def _head(self, body: bytes) -> bytes:
        headers = {
            "Host": f"{self._host}:{self._port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "X-Shopify-Topic": "orders/paid",
            "X-Shopify-Hmac-Sha256": sign(body, SECRETS["BENCH_SHOP_SECRET"]),
            "X-Shopify-Shop-Domain": SHOP,
            "X-Shopify-Webhook-Id": f"bench-{id(body)}-{time.perf_counter_ns()}",
            "X-Shopify-Triggered-At": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        lines = [f"POST /webhooks/shopify/{CHANNEL} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode()


async def _read_answer(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next(
        int(line.partition(":")[2]) for line in head.splitlines() if line.lower().startswith("content-length:")
    )
    await reader.readexactly(length)
    return head.split(" ", 2)[1]
