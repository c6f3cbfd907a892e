"""The vocabulary of the demo's scripts: the moments of an order's life, and what happens beside it."""

from typing import Any

from models.commands import CommandName
from models.statuses import TaskState
from starter.demo_story import Beginning, Do, Moment, Progress, Stage, Step

# Moments.


def sold(progress: Progress) -> bool:
    """The shop has the order."""
    return bool(progress.order_id)


def stored(progress: Progress) -> bool:
    """Our books know the order."""
    return progress.record is not None


def planned(progress: Progress) -> bool:
    """It is decided who gets it."""
    return bool(progress.purchase_orders)


def placed(progress: Progress) -> bool:
    """A supplier has it, and our books name the number."""
    return bool(progress.supplier_orders)


def asked(progress: Progress) -> bool:
    """A person is asked, or was."""
    return bool(progress.tasks)


def answered(progress: Progress) -> bool:
    """A person has answered."""
    return any(task.state is not TaskState.OPEN for task in progress.tasks)


def written_to(progress: Progress) -> bool:
    """The customer is asked, and has not answered."""
    return progress.record is not None and progress.record.question is not None


def checked(number: int) -> Moment:
    """This tracking check, or a later one, has heard something."""
    return lambda progress: any(check >= number for check in progress.checks)


# Beginnings.


def once(key: str, moment: Moment) -> Beginning:
    """Begin once another order has come to this moment."""
    return lambda story: moment(story.orders[key])


def while_off(supplier: str) -> Beginning:
    """Begin once a supplier is switched off."""
    return lambda story: supplier in story.switched_off


def noticed(supplier: str) -> Beginning:
    """Begin once our side has noticed that a supplier is down: how soon that is depends on the machine."""
    return lambda story: supplier in story.incidents


# What happens in the shop.


def pays(*, after: float) -> Step:
    """The customer pays."""
    return Step(do=_in_shop("pay"), when=stored, after=after)


def cancels(when: Moment, *, after: float = 0.0) -> Step:
    """The customer cancels, and gets the money back."""
    return Step(do=_in_shop("cancel"), when=when, after=after)


def corrects_address(when: Moment, *, after: float, **address: str) -> Step:
    """The customer corrects the address in the shop."""
    return Step(do=_in_shop("address", address=address), when=when, after=after)


def _in_shop(event: str, **details: Any) -> Do:
    async def happen(stage: Stage) -> None:
        await stage.shop(event, **details)

    return happen


# What happens at suppliers.


def ships_after_check(number: int, *tracking: str) -> Step:
    """The supplier ships once that many checks have heard that it has not: the next one finds it."""

    async def ship(stage: Stage) -> None:
        order = stage.progress.purchase_orders[-1]
        await stage.supplier(
            order.supplier, f"orders/{order.supplier_number}", status="Shipped", tracking=tracking or ["auto"]
        )

    return Step(do=ship, when=checked(number))


def faults(supplier: str, *rules: dict[str, Any]) -> Do:
    """From now on the supplier's answers are spoilt like this, and in no other way."""

    async def spoil(stage: Stage) -> None:
        await stage.supplier(supplier, "faults", rules=list(rules))

    return spoil


def switched(supplier: str, *, on: bool) -> Do:
    """The supplier's whole system goes away, or comes back."""

    async def turn(stage: Stage) -> None:
        await stage.switch(supplier, on=on)

    return turn


# What people do unasked.


async def counted(stage: Stage) -> None:
    """Somebody counts what lies on our own shelves."""
    await stage.count_shelves()


def stock_comes(*, after: float, meanwhile: Beginning) -> Step:
    """Once a person has let the order wait: it lies on our own shelves, and is counted."""
    return Step(do=counted, when=answered, after=after, meanwhile=meanwhile)


def chooses_instead(*, after: float) -> Step:
    """The customer opens the link of the mail, and takes what is offered instead."""

    async def choose(stage: Stage) -> None:
        await stage.choose_instead()

    return Step(do=choose, when=written_to, after=after)


def picked(*, after: float) -> Step:
    """Somebody takes it from our own shelves, and says so."""

    async def pick(stage: Stage) -> None:
        await stage.pick()

    return Step(do=pick, when=placed, after=after)


def steers(name: CommandName, when: Moment, *, after: float = 0.0) -> Step:
    """A person steers the order."""

    async def steer(stage: Stage) -> None:
        await stage.command(name)

    return Step(do=steer, when=when, after=after)
