"""The kinds of pause: how an order gets there, what a person does and answers, and where that leads."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.database import orders
from models.commands import CommandName
from models.orders import Address
from models.statuses import OrderState
from models.tasks import TaskCategory
from sandbox.catalogue import plain_eans
from sandbox.shopify_products import UNKNOWN_BARCODE, WITHOUT_BARCODE
from tests.workflows.scenes import CAREFUL, NEVER_SHIPS, PERSON, SHIPS, Scene
from tests.workflows.world import World

HOLD = {"command": "hold", "actor": "day-shift"}
CANCELLED = {"steps": [{"after": 0.1, "status": "Cancelled"}]}
MAPPED = {UNKNOWN_BARCODE: plain_eans()[43], WITHOUT_BARCODE: plain_eans()[44]}
Fields = dict[str, Any]


async def held(world: World) -> Scene:
    return await Scene.sell(world).start(HOLD)


async def unknown_to_suppliers(world: World) -> Scene:
    return await sell_unmapped(world, UNKNOWN_BARCODE)


async def without_barcode(world: World) -> Scene:
    return await sell_unmapped(world, WITHOUT_BARCODE)


async def sell_unmapped(world: World, variant: int) -> Scene:
    with world.database.begin() as tx:
        tx.exec_driver_sql("DELETE FROM article_mappings WHERE variant_id = %s", (str(variant),))
    return await Scene.sell(world, variant=variant, ean=MAPPED[variant]).start()


async def without_postcode(world: World) -> Scene:
    return await Scene.sell(world, address={"zip": ""}).start()


async def in_doubt_there(world: World) -> Scene:
    return await in_doubt(world, "reset_after")


async def in_doubt_not_there(world: World) -> Scene:
    return await in_doubt(world, "reset_before")


async def in_doubt(world: World, kind: str) -> Scene:
    scene = Scene.sell(world)
    scene.fault(kind, "setCreateOrder")
    return await scene.start()


async def cancelled_there(world: World) -> Scene:
    return await Scene.sell(world, CANCELLED).start()


async def never_ships(world: World) -> Scene:
    return await Scene.sell(world, NEVER_SHIPS).start()


async def to_be_approved(world: World) -> Scene:
    return await Scene.sell(world, channel=CAREFUL).start()


def nothing(_: Scene) -> Fields:
    return {}


def map_article(scene: Scene) -> Fields:
    variants = scene.rows("SELECT variant_id FROM order_lines WHERE order_id = :id")
    with scene.world.database.begin() as tx:
        for row in variants:
            now = datetime.now(UTC)
            orders.map_article(tx, scene.request.channel, row["variant_id"], scene.line[0], by=PERSON, now=now)
    return {}


def store_address(scene: Scene) -> Fields:
    with scene.world.database.begin() as tx:
        known = orders.load(tx, scene.request.order_id).address or Address()
        mended = known.model_copy(update={"postal_code": scene.postcode})
        now = datetime.now(UTC)
        return {"address_id": orders.store_address(tx, scene.request.order_id, mended, source=PERSON, now=now)}


def number_there(scene: Scene) -> Fields:
    return {"supplier_number": scene.supplier_orders()[0]["order_number"]}


def ships_next_time(scene: Scene) -> Fields:
    scene.script(SHIPS)
    return {}


def parcel(_: Scene) -> Fields:
    return {"tracking_number": "GLS-7001", "carrier": "GLS"}


@dataclass(frozen=True)
class Pause:
    """A kind of pause: how an order gets there, what a person does and answers, and where that leads."""

    category: TaskCategory
    begin: Callable[[World], Awaitable[Scene]]
    command: CommandName
    prepare: Callable[[Scene], Fields] = nothing  # what the answer refers to; returns the fields that name it
    ordered: int = 1  # orders in the supplier's ledger at the end
    ending: OrderState = OrderState.SHIPPED


PAUSES = [
    Pause(TaskCategory.HELD, held, CommandName.RELEASE),
    Pause(TaskCategory.ARTICLE_UNKNOWN, unknown_to_suppliers, CommandName.RELEASE, map_article),
    Pause(TaskCategory.ARTICLE_UNKNOWN, without_barcode, CommandName.RELEASE, map_article),
    Pause(TaskCategory.ADDRESS_INCOMPLETE, without_postcode, CommandName.CHANGE_ADDRESS, store_address),
    Pause(TaskCategory.SUBMIT_UNKNOWN, in_doubt_there, CommandName.CONFIRM_SUBMISSION, number_there),
    Pause(TaskCategory.CANCELLED_BY_SUPPLIER, cancelled_there, CommandName.RELEASE, ships_next_time, ordered=2),
    Pause(TaskCategory.CHECKS_SPENT, never_ships, CommandName.MARK_SHIPPED, parcel),
    Pause(TaskCategory.APPROVAL, to_be_approved, CommandName.APPROVE),
]


def use_address(scene: Scene) -> Fields:
    """The storefront's own correction, as intake stores it."""
    with scene.world.database.begin() as tx:
        orders.use_address(tx, scene.request.order_id, store_address(scene)["address_id"])
    return {}


BATCHES = [
    Pause(TaskCategory.HELD, held, CommandName.RELEASE),
    Pause(TaskCategory.ARTICLE_UNKNOWN, unknown_to_suppliers, CommandName.RELEASE, map_article),
    Pause(TaskCategory.ADDRESS_INCOMPLETE, without_postcode, CommandName.RELEASE, use_address),
    Pause(TaskCategory.SUBMIT_UNKNOWN, in_doubt_not_there, CommandName.RESUBMIT),
    Pause(TaskCategory.CANCELLED_BY_SUPPLIER, cancelled_there, CommandName.RELEASE, ships_next_time, ordered=2),
    Pause(TaskCategory.CHECKS_SPENT, never_ships, CommandName.CANCEL, ending=OrderState.CANCELLED),
    Pause(TaskCategory.APPROVAL, to_be_approved, CommandName.APPROVE),
]


def pause_of(category: TaskCategory) -> Pause:
    """Find the pause of this category."""
    return next(pause for pause in PAUSES if pause.category is category)
