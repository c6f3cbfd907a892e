"""The 43 orders of the demo: what shop, supplier and person do, and where each order must end. Data only.

An unscripted supplier ships three seconds after it was asked to, so that the first check finds it. Orders at Salina
Direct follow one another: its faults are meant for one order at a time.
"""

from models.commands import CommandName
from models.statuses import OrderState
from models.tasks import TaskCategory
from sandbox.catalogue import plain_eans
from sandbox.shopify_products import UNKNOWN_BARCODE, WITHOUT_BARCODE
from starter.demo_channels import CHANNEL_SCENARIOS
from starter.demo_steps import (
    asked,
    cancels,
    checked,
    chooses_instead,
    corrects_address,
    counted,
    faults,
    noticed,
    once,
    pays,
    picked,
    placed,
    planned,
    ships_after_check,
    sold,
    steers,
    stock_comes,
    switched,
    while_off,
)
from starter.demo_story import BTS, OLMO, OWN, SALINA, Answer, Ending, Line, Scenario, Step, Story

DAY_SECONDS = 10.0
PLAN_HOURS = (24, 6, 12, 12, 24, 24, 24)
SHIPS_AFTER = 3.0  # seconds from the supplier's confirmation, where no script says otherwise
PLAIN = "plain"  # the order whose events are the price of an ordinary one
MISSED, INSTEAD = plain_eans()[-2:]  # nobody has the first; the second may stand in for it

_NOTHING_HAPPENS: dict[str, object] = {"steps": []}
_CANCELLED_THERE = {"steps": [{"after": 3, "status": "Cancelled"}]}
_AT_SALINA = (Line(stocked_at=(SALINA,)),)
_AT_TWO = (Line(stocked_at=(BTS, OLMO)),)
_SAID = Answer(command=CommandName.RELEASE)
_NOTED = Answer(command=None, by_cli=True)
_WITHOUT_POSTCODE = {"zip": ""}


def _salina_may_return(story: Story) -> bool:
    """Those that need its absence have had it: one is held, one is cancelled, and it was noticed."""
    return story.orders["withdrawn"].ended and bool(story.orders["held"].said) and noticed(SALINA)(story)


SCENARIOS = (
    Scenario(
        key="never",
        title="never ships: a person",
        supplier=_NOTHING_HAPPENS,
        answers={
            TaskCategory.CHECKS_SPENT: Answer(
                command=CommandName.MARK_SHIPPED, by_cli=True, fields={"tracking": "GLS-7000000036", "carrier": "GLS"}
            )
        },
        ending=Ending(tasks=(TaskCategory.CHECKS_SPENT,), alerts=1, check=7),
    ),
    Scenario(
        key="check-7",
        title="ships before 7th check",
        supplier=_NOTHING_HAPPENS,
        steps=(ships_after_check(6),),
        ending=Ending(check=7),
    ),
    Scenario(
        key="rates",
        title="rates fail twice, then fine",
        lines=_AT_SALINA,
        first=faults(SALINA, {"operation": "getShippingPrices$", "kind": "error", "times": 2}),
    ),
    Scenario(key=PLAIN, title="ships before 1st check", lines=(Line(ean=INSTEAD),), ending=Ending(check=1)),
    Scenario(
        key="check-3",
        title="ships before 3rd check",
        supplier=_NOTHING_HAPPENS,
        steps=(ships_after_check(2),),
        ending=Ending(check=3),
    ),
    Scenario(
        key="parcels",
        title="two parcels, days apart",
        supplier={
            "steps": [
                {"after": 3, "tracking": ["GLS-7000000012"]},
                {"after": 14, "status": "Shipped", "tracking": ["GLS-7000000029"]},
            ]
        },
        ending=Ending(mails=2),
    ),
    Scenario(key="carrier", title="preferred carrier missing", supplier={"carriers": ["SEUR", "FedEx"]}),
    Scenario(
        key="elsewhere",
        title="supplier cancels: elsewhere",
        lines=_AT_TWO,
        at={BTS: _CANCELLED_THERE},
        ending=Ending(supplier_orders=2, alerts=1),
    ),
    Scenario(
        key="nobody-else",
        title="supplier cancels: a person",
        supplier=_CANCELLED_THERE,
        answers={
            TaskCategory.CANCELLED_BY_SUPPLIER: Answer(command=CommandName.CANCEL),
            TaskCategory.REFUND_DUE: _NOTED,
        },
        ending=Ending(
            state=OrderState.CANCELLED,
            mails=0,
            tasks=(TaskCategory.CANCELLED_BY_SUPPLIER, TaskCategory.REFUND_DUE),
            alerts=1,
        ),
    ),
    Scenario(key="stock-gone", title="stock gone: elsewhere", lines=_AT_TWO, at={BTS: {"stock_gone": True}}),
    Scenario(key="thrice", title="every webhook three times", form={"webhooks": {"times": 3}}),
    Scenario(key="thrice-anew", title="three times, with new ids", form={"webhooks": {"times": 3, "fresh_ids": True}}),
    Scenario(key="unpaid", title="unpaid, then paid", form={"financial_status": "pending"}, steps=(pays(after=5),)),
    Scenario(
        key="unheard",
        title="webhook lost: swept up",
        form={"webhooks": {"lost": True}},
    ),
    Scenario(
        key="alien",
        title="article unknown: mapped",
        lines=(Line(variant=UNKNOWN_BARCODE),),
        answers={TaskCategory.ARTICLE_UNKNOWN: _SAID},
        ending=Ending(tasks=(TaskCategory.ARTICLE_UNKNOWN,)),
    ),
    Scenario(
        key="no-barcode",
        title="no barcode: mapped",
        lines=(Line(variant=WITHOUT_BARCODE),),
        answers={TaskCategory.ARTICLE_UNKNOWN: _SAID},
        ending=Ending(tasks=(TaskCategory.ARTICLE_UNKNOWN,)),
    ),
    Scenario(
        key="postcode",
        title="no postcode: operator",
        form={"address": _WITHOUT_POSTCODE},
        answers={
            TaskCategory.ADDRESS_INCOMPLETE: Answer(
                command=CommandName.CHANGE_ADDRESS, by_cli=True, fields={"postal-code": "28001"}
            )
        },
        ending=Ending(tasks=(TaskCategory.ADDRESS_INCOMPLETE,)),
    ),
    Scenario(
        key="postcode-shop",
        title="no postcode: customer",
        form={"address": _WITHOUT_POSTCODE},
        steps=(corrects_address(asked, after=5, zip="28001"),),
        ending=Ending(tasks=(TaskCategory.ADDRESS_INCOMPLETE,)),
    ),
    Scenario(
        key="cancel-first",
        title="cancelled, only then paid",
        form={"webhooks": {"delay": 6}},
        steps=(cancels(sold, after=1),),
        ending=Ending(state=OrderState.CANCELLED, supplier_orders=0, mails=0),
    ),
    Scenario(
        key="cancel-late",
        title="cancelled after ordering",
        supplier=_NOTHING_HAPPENS,
        steps=(cancels(placed, after=2),),
        answers={TaskCategory.CANCEL_AT_SUPPLIER: Answer(command=CommandName.CANCEL)},
        ending=Ending(state=OrderState.CANCELLED, mails=0, tasks=(TaskCategory.CANCEL_AT_SUPPLIER,)),
    ),
    Scenario(
        key="test",
        title="test order (banktransfer)",
        form={"test": True},
        ending=Ending(state=OrderState.TEST_PLACED, mails=0),
    ),
    Scenario(key="lines", title="three lines, six units", lines=(Line(), Line(quantity=2), Line(quantity=3))),
    Scenario(
        key="split",
        title="two lines, two suppliers",
        lines=(Line(), Line(stocked_at=(OLMO,))),
        ending=Ending(supplier_orders=2, mails=2),
    ),
    Scenario(
        key="strange",
        title="unknown status: a person",
        supplier={"steps": [{"after": 3, "status": "En preparación"}]},
        steps=(ships_after_check(2),),
        answers={TaskCategory.STATUS_UNKNOWN: _SAID},
        ending=Ending(tasks=(TaskCategory.STATUS_UNKNOWN,)),
    ),
    Scenario(
        key="no-answer",
        title="no answer: it is there",
        lines=_AT_SALINA,
        begins=once("rates", placed),
        first=faults(SALINA, {"operation": "setCreateOrder$", "kind": "hang", "processed": True, "times": 1}),
        answers={TaskCategory.SUBMIT_UNKNOWN: Answer(command=CommandName.CONFIRM_SUBMISSION)},
        ending=Ending(in_doubt=True, tasks=(TaskCategory.SUBMIT_UNKNOWN,)),
    ),
    Scenario(
        key="not-heard",
        title="no answer: it is not there",
        lines=_AT_SALINA,
        begins=once("no-answer", asked),
        first=faults(SALINA, {"operation": "setCreateOrder$", "kind": "hang", "times": 1}),
        answers={TaskCategory.SUBMIT_UNKNOWN: Answer(command=CommandName.RESUBMIT)},
        ending=Ending(in_doubt=True, tasks=(TaskCategory.SUBMIT_UNKNOWN,)),
    ),
    Scenario(
        key="off-after",
        title="ordered, then supplier off",
        lines=_AT_SALINA,
        begins=once("not-heard", placed),
        first=faults(SALINA),
        steps=(Step(do=switched(SALINA, on=False), when=placed),),
    ),
    Scenario(
        key="off-before",
        title="supplier off, then ordered",
        lines=_AT_SALINA,
        same_article_as="off-after",
        begins=while_off(SALINA),
        steps=(Step(do=switched(SALINA, on=True), when=planned, after=11, meanwhile=_salina_may_return),),
        ending=Ending(alerts=2),
    ),
    Scenario(
        key="withdrawn",
        title="cancelled before ordering",
        lines=_AT_SALINA,
        same_article_as="off-after",
        begins=while_off(SALINA),
        steps=(cancels(planned, after=2),),
        ending=Ending(state=OrderState.CANCELLED, supplier_orders=0, mails=0),
    ),
    Scenario(
        key="held",
        title="held, then released",
        lines=_AT_SALINA,
        same_article_as="off-after",
        begins=while_off(SALINA),
        steps=(
            steers(CommandName.HOLD, planned, after=1),
            steers(CommandName.RELEASE, asked, after=4),
        ),
        ending=Ending(tasks=(TaskCategory.HELD,)),
    ),
    Scenario(
        key="shelves",
        title="picked from our own shelves",
        lines=(Line(quantity=2, stocked_at=(OWN,)),),
        first=counted,
        steps=(picked(after=4),),
    ),
    Scenario(
        key="waits",
        title="nobody has it: stock comes",
        lines=(Line(stocked_at=()),),
        steps=(stock_comes(after=3, meanwhile=once("shelves", placed)), picked(after=2)),
        answers={TaskCategory.UNROUTABLE: Answer(command=CommandName.WAIT, by_cli=True, fields={"for": "7d"})},
        ending=Ending(tasks=(TaskCategory.UNROUTABLE,)),
    ),
    Scenario(
        key="instead",
        title="nobody has it: another one",
        lines=(Line(ean=MISSED, stocked_at=()),),
        begins=once(PLAIN, checked(1)),  # by then the shop's own name of what is offered is known
        steps=(chooses_instead(after=3),),
        answers={TaskCategory.UNROUTABLE: Answer(command=CommandName.ASK_CUSTOMER)},
        ending=Ending(mails=2, tasks=(TaskCategory.UNROUTABLE,)),
    ),
    *CHANNEL_SCENARIOS,
)
assert len(SCENARIOS) == 43
