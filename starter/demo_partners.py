"""What the demo's partners have: their stock lists, and the runs of the feeds that bring them into our books."""

import asyncio
import csv
import io
from collections.abc import Iterable
from pathlib import Path

from temporalio.client import Client

from activities.requests import request_sync
from models.identifiers import sync_workflow_id
from models.sync import Trigger
from sandbox.bigbuy_books import reference_of
from sandbox.catalogue import NAMED_COUNT, Article, catalogue
from starter.demo_configuration import STOCK, stock_list
from starter.demo_story import BIGBUY, PARTNERS, Story

UNITS = 50


async def stock_partners(client: Client, folder: Path, story: Story, actor: str) -> None:
    """Have every partner tell what it has, and wait until our books know it. Raises RPCError or WorkflowFailureError."""
    await asyncio.gather(*(_stock(client, folder, story, name, actor) for name in PARTNERS))
    story.stocked = True


async def _stock(client: Client, folder: Path, story: Story, supplier: str, actor: str) -> None:
    eans = {
        ean
        for progress in story.orders.values()
        for line, ean in zip(progress.scenario.lines, progress.eans, strict=True)
        if supplier in line.stocked_at
    }
    found = [article for article in catalogue(NAMED_COUNT) if article.ean in eans]
    await asyncio.to_thread(stock_list(folder, supplier).write_text, _sheet(supplier, found), "utf-8")
    await request_sync(client, supplier, STOCK, Trigger.OPERATOR, actor=actor)
    await client.get_workflow_handle(sync_workflow_id(supplier, STOCK)).result()


def _sheet(supplier: str, articles: Iterable[Article]) -> str:
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(("sku", "ean", "units", "cost"))
    for article in articles:
        sku = reference_of(article) if supplier == BIGBUY else article.ean
        writer.writerow((sku, article.ean, UNITS, article.price))
    return sheet.getvalue()
