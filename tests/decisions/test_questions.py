from string import Formatter

import pytest

from models.commands import _REQUIRED, Command, CommandName
from models.tasks import TaskCategory
from workflows.decisions import questions

# What each caller hands over. `activities.common.ask_about` adds these four for a purchase order.
ABOUT = {"order": "#1001", "number": "DW-1A-11", "supplier": "BTSWholesaler", "supplier_number": "A12345"}
FACTS: dict[TaskCategory, dict[str, str]] = {
    TaskCategory.HELD: {"order": "#1001", "reason": "a person asked to hold it"},
    TaskCategory.ORDER_INVALID: {"order": "#1001", "problem": "line_items: missing"},
    TaskCategory.ADDRESS_INCOMPLETE: {"order": "#1001", "problem": "postcode missing"},
    TaskCategory.ARTICLE_UNKNOWN: {"order": "#1001", "articles": "variant 900", "problem": "no supplier knows it"},
    TaskCategory.NOT_PAID: {"order": "#1001"},
    TaskCategory.UNROUTABLE: {"order": "#1001", "articles": "8411061123456", "problem": "not enough stock anywhere"},
    TaskCategory.APPROVAL: {"order": "#1001", "plan": "3 units at BTSWholesaler"},
    TaskCategory.NO_SHIPPING_RATE: ABOUT,
    TaskCategory.SUPPLIER_UNREACHABLE: {**ABOUT, "waited": "24 h"},
    TaskCategory.SUPPLIER_REFUSED: {**ABOUT, "code": "product_error"},
    TaskCategory.SUBMIT_UNKNOWN: {**ABOUT, "sent_at": "01 Mar 2026 12:00:00Z"},
    TaskCategory.LATE_REPLY: ABOUT,
    TaskCategory.STOREFRONT_REFUSED: {"order": "#1001", "what": "the order", "code": "not_found"},
    TaskCategory.ACKNOWLEDGEMENT_OVERDUE: {**ABOUT, "waited": "24 h"},
    TaskCategory.STATUS_UNKNOWN: {**ABOUT, "status": "On the moon"},
    TaskCategory.CHECKS_SPENT: {**ABOUT, "checks": "7", "waited": "126 h", "last_answer": "Processing"},
    TaskCategory.CANCELLED_BY_SUPPLIER: {"order": "#1001", "supplier": "BTSWholesaler"},
    TaskCategory.CANCEL_AT_SUPPLIER: ABOUT,
    TaskCategory.PURCHASE_ORDER_LOST: {
        "order": "#1001",
        "number": "DW-1A-11",
        "supplier": "BTSWholesaler",
        "problem": "TerminatedError",
    },
    TaskCategory.ORDER_CHANGED: {"order": "#1001", "problem": "other lines or quantities than were taken on"},
    TaskCategory.ADDRESS_CHANGED_LATE: {"order": "#1001", "supplier": "BTSWholesaler"},
    TaskCategory.EVENT_AFTER_END: {"order": "#1001", "event": "address changed", "state": "shipped"},
    TaskCategory.ORDER_STALLED: {"order": "#1001"},
    TaskCategory.ACCOUNT_HOLD: {"supplier": "BTSWholesaler", "code": "no_enough_money"},
    TaskCategory.REFUND_DUE: {"order": "#1001", "state": "cancelled", "units": "2"},
    TaskCategory.FEED_QUARANTINED: {"feed": "stock", "supplier": "BTSWholesaler", "findings": "to zero"},
    TaskCategory.FEED_FAILING: {
        "feed": "stock",
        "supplier": "BTSWholesaler",
        "supplier_id": "bts",
        "failures": "5",
        "stage": "fetch",
    },
    TaskCategory.COSTS_HELD: {
        "count": "3",
        "supplier": "BTSWholesaler",
        "limit": "40 %",
        "examples": "8437000000013: 12.50 to 125.00 EUR",
    },
    TaskCategory.DRIFT_LARGE: {
        "drifted": "60",
        "compared": "500",
        "subject": "BTSWholesaler",
        "examples": "A: 3 not 9",
    },
    TaskCategory.LOW_STOCK: {"count": "12", "days": "7", "examples": "LINDEN-50: 2.0 days"},
    TaskCategory.TWICE_DELIVERED: {**ABOUT, "status": "Shipped"},
    TaskCategory.STOCK_SHORT: {"supplier": "BTSWholesaler", "count": "2", "examples": "LINDEN-50, LINDEN-100"},
    TaskCategory.RESERVATIONS_DRIFTED: {"count": "3", "examples": "bts LINDEN-50: 3 not 2"},
    TaskCategory.CUSTOMER_CHANGED_MIND: {
        "order": "#1001",
        "choice": "cancel line",
        "problem": "it was planned anew before the answer was read",
    },
    TaskCategory.ACKNOWLEDGEMENT_CHANGED: {
        **ABOUT,
        "changes": "3 x 4006381333931: 10.21 EUR each instead of 10.00 EUR",
    },
    TaskCategory.RECEIPT_OVERDUE: {"supplier": "ACME", "control": "118", "orders": "DW-1-11", "waited": "4 h"},
    TaskCategory.DOCUMENT_REFUSED: {"supplier": "ACME", "control": "118", "orders": "DW-1-11", "codes": "R, 5"},
    TaskCategory.DOCUMENT_UNCLEAR: {"supplier": "ACME", "document": "document 7", "reason": "two_orders"},
    TaskCategory.INVOICE_DIFFERS: {**ABOUT, "total": "89.50 EUR", "expected": "79.50 EUR"},
    TaskCategory.SHIPMENT_CONTRADICTS: {**ABOUT, "problem": "3 of 2 x 4006381333931"},
    TaskCategory.SUPPLIER_CHANGED: {
        "supplier": "ACME",
        "operation": "getOrder",
        "difference": "status: text, now number",
    },
    TaskCategory.LISTINGS_REFUSED: {"channel": "main", "count": "4", "codes": "INVALID_INVENTORY_ITEM"},
}
LONGEST = {"order": "#" * 40, "supplier": "S" * 60, "supplier_number": "N" * 60}
EVERY_CATEGORY = pytest.mark.parametrize("category", list(TaskCategory))


def template_of(category: TaskCategory) -> str:
    return questions.WORDINGS[category].question


@EVERY_CATEGORY
def test_a_question_names_every_fact_its_caller_gives_it_a_place_for(category: TaskCategory) -> None:
    question = questions.draft(category, FACTS[category]).question
    places = {name for _, name, _, _ in Formatter().parse(template_of(category)) if name}
    assert places <= set(FACTS[category])
    assert all(FACTS[category][name] in question for name in places)
    assert not set("{}") & set(question)


@EVERY_CATEGORY
def test_a_question_is_one_a_person_can_read_at_a_glance(category: TaskCategory) -> None:
    draft = questions.draft(category, FACTS[category])
    assert 20 <= len(draft.question) <= 240
    assert draft.question.rstrip().endswith(("?", ".", "there."))
    assert draft.category is category
    assert draft.owner
    assert draft.if_silent


@EVERY_CATEGORY
def test_a_question_with_the_longest_facts_still_fits(category: TaskCategory) -> None:
    long = dict.fromkeys(FACTS[category], "x" * 2000)
    assert len(questions.draft(category, long).question) <= 400
    bounded = {**FACTS[category], **{name: LONGEST[name] for name in LONGEST if name in FACTS[category]}}
    assert len(questions.draft(category, bounded).question) <= 400


@EVERY_CATEGORY
def test_every_question_can_be_answered_and_every_answer_says_what_follows(category: TaskCategory) -> None:
    alternatives = questions.draft(category, FACTS[category]).alternatives
    assert alternatives
    assert all(alternative.label and alternative.consequence.endswith(".") for alternative in alternatives)
    assert len({alternative.label for alternative in alternatives}) == len(alternatives)
    commands = [alternative.command for alternative in alternatives if alternative.command is not None]
    assert len(set(commands)) == len(commands), "one command, one meaning within a question"


@EVERY_CATEGORY
def test_an_alternative_asks_for_what_its_command_needs_by_the_commands_own_field_names(category: TaskCategory) -> None:
    for alternative in questions.draft(category, FACTS[category]).alternatives:
        assert set(alternative.needs) <= set(Command.model_fields)
        if alternative.command is not None:
            assert set(_REQUIRED.get(alternative.command, ())) <= set(alternative.needs)


def test_a_fact_that_is_missing_is_a_mistake_and_named() -> None:
    with pytest.raises(KeyError, match="order"):
        questions.draft(TaskCategory.NOT_PAID, {})


def test_what_looks_like_a_placeholder_inside_a_fact_stays_as_it_is() -> None:
    facts = {"order": "{supplier}", "problem": "{0} {order.__class__}"}
    question = questions.draft(TaskCategory.ADDRESS_INCOMPLETE, facts).question
    assert "{supplier}" in question
    assert "{order.__class__}" in question


def test_doubt_about_a_submission_warns_of_a_second_order() -> None:
    draft = questions.draft(TaskCategory.SUBMIT_UNKNOWN, FACTS[TaskCategory.SUBMIT_UNKNOWN])
    again = next(one for one in draft.alternatives if one.command is CommandName.RESUBMIT)
    assert "ordered twice" in again.consequence
    assert draft.priority == 1
