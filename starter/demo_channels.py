"""The demo's orders over every other channel: one at each partner, and what goes wrong on the way. Data only."""

from models.commands import CommandName
from models.tasks import TaskCategory
from sandbox.catalogue import plain_eans
from starter.demo_channel_steps import (
    acknowledged,
    all_but_the_last_at_once,
    at_a_higher_price,
    enters,
    loses_uploads,
    one_of_them_later,
    rings,
    says,
    sends,
    stocked,
    writes,
)
from starter.demo_steps import answered, faults, noticed, once, placed, planned
from starter.demo_story import (
    ACME,
    ALBA,
    BIGBUY,
    CJ,
    NORTHWIND,
    PRINTFUL,
    ROSA,
    Answer,
    Ending,
    Line,
    Scenario,
    Step,
)

FAR_AWAY, NEAR_BY = plain_eans()[39:41]  # BigBuy has every tenth article in another warehouse
DOWN_FOR = 9.0  # seconds

CHANNEL_SCENARIOS = (
    Scenario(
        key="acme-lost",
        title="answer lost: sent by key",
        lines=(Line(stocked_at=(ACME,)),),
        begins=stocked,
        first=faults(ACME, {"operation": "POST .*/purchase-orders$", "kind": "reset_after", "times": 1}),
        steps=(sends("", "ANY-7000000011"),),
        ending=Ending(in_doubt=True),
    ),
    Scenario(
        key="acme-price",
        title="costs more: a person",
        lines=(Line(stocked_at=(ACME,)),),
        begins=once("acme-lost", placed),
        steps=(says("", at_a_higher_price(percent=20)), sends("", "ANY-7000000028", when=answered)),
        answers={TaskCategory.ACKNOWLEDGEMENT_CHANGED: Answer(command=CommandName.APPROVE, by_cli=True)},
        ending=Ending(tasks=(TaskCategory.ACKNOWLEDGEMENT_CHANGED,)),
    ),
    Scenario(
        key="printful-down",
        title="down: waits, then ordered",
        lines=(Line(stocked_at=(PRINTFUL,)),),
        begins=stocked,
        first=faults(PRINTFUL, {"operation": ".", "kind": "error", "status": 503}),
        steps=(Step(do=faults(PRINTFUL), when=planned, after=DOWN_FOR, meanwhile=noticed(PRINTFUL)),),
        ending=Ending(alerts=2),
    ),
    Scenario(
        key="printful-too",
        title="down, then a webhook tells",
        lines=(Line(stocked_at=(PRINTFUL,)),),
        begins=once("printful-down", planned),
        steps=(rings(after=4),),
    ),
    Scenario(
        key="bigbuy",
        title="two warehouses, two numbers",
        lines=(Line(ean=NEAR_BY, stocked_at=(BIGBUY,)), Line(ean=FAR_AWAY, stocked_at=(BIGBUY,))),
        begins=stocked,
        ending=Ending(supplier_orders=2, mails=2),
    ),
    Scenario(
        key="cj",
        title="answer lost: looked up",
        lines=(Line(stocked_at=(CJ,)),),
        begins=stocked,
        first=faults(CJ, {"operation": "payBalance$", "kind": "reset_after", "times": 1}),
        ending=Ending(in_doubt=True),
    ),
    Scenario(
        key="x12",
        title="one line is backordered",
        lines=(Line(stocked_at=(NORTHWIND,)), Line(quantity=2, stocked_at=(NORTHWIND,))),
        begins=stocked,
        steps=(
            says("/answer", all_but_the_last_at_once),
            sends("/ship", "GLS-7000000059"),
            says("/invoice", lambda _: {}),
        ),
    ),
    Scenario(
        key="files",
        title="upload in doubt: it's there",
        lines=(Line(quantity=2, stocked_at=(ALBA,)),),
        begins=stocked,
        first=loses_uploads("rename_lost"),
        steps=(sends("", "GLS-7000000066", key="ship"),),
        ending=Ending(in_doubt=True),
    ),
    Scenario(
        key="mail",
        title="PDF out, answers by IMAP",
        lines=(Line(stocked_at=(ROSA,)),),
        begins=stocked,
        steps=(says("", writes("accepted")), says("", writes("shipped", "GLS-7000000073"), when=acknowledged, after=1)),
    ),
    Scenario(
        key="page",
        title="supplier's page: in part",
        lines=(Line(quantity=3, stocked_at=(ROSA,)),),
        begins=stocked,
        steps=(
            enters("answer", one_of_them_later),
            enters("shipped", lambda _: {"carrier": "GLS", "tracking": "GLS-7000000080"}, when=acknowledged, after=1),
        ),
    ),
)
