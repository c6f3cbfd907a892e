import asyncio
import json
import time

import httpx

from tests.intake.world import World, headers, order

RATE = 100
SECONDS = 3


async def test_a_burst_is_answered_and_stored_whole(api: httpx.Client, world: World) -> None:
    documents = [order() for _ in range(RATE * SECONDS)]
    waits: list[float] = []

    async def deliver(client: httpx.AsyncClient, number: int) -> int:
        await asyncio.sleep(number / RATE)
        body = json.dumps(documents[number]).encode()
        started = time.perf_counter()
        reply = await client.post("/webhooks/shopify/main", content=body, headers=headers(body))
        waits.append((time.perf_counter() - started) * 1000)
        return reply.status_code

    async with httpx.AsyncClient(base_url=api.base_url, timeout=30) as client:
        codes = await asyncio.gather(*(deliver(client, number) for number in range(len(documents))))

    waits.sort()
    print(f"\n{RATE}/s: p50 {waits[len(waits) // 2]:.1f} ms, p99 {waits[int(len(waits) * 0.99)]:.1f} ms")
    assert set(codes) == {200}
    assert world.rows("SELECT count(*) AS n FROM orders WHERE state = 'startable'")[0].n == len(documents)
