from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from models.backordering import ShortageAction
from models.commands import CommandName
from models.configuration import SEVEN_CHECKS
from models.contracts import OrderRequest, PurchaseOrderRequest, Shortage
from models.incidents import IncidentRequest, IncidentState, Trouble
from models.money import Money
from models.orders import Address, IncomingOrder
from models.statuses import Mode
from models.suppliers import Capabilities, DoubtMeans, SupplierProfile
from models.tasks import OpenTask, TaskCategory
from workflows import search_attributes
from workflows.decisions.presentation import incident_details, order_details, plan_text, purchase_order_details

CONFIRMED = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDER = OrderRequest(
    order_id=7,
    channel="main",
    storefront_order_id="5000000001",
    name="#1001",
    total=Money(amount=Decimal("89.5"), currency="EUR"),
    lines=3,
    ship_country="ES",
)
PROFILE = SupplierProfile(
    supplier="bts",
    display_name="BTSWholesaler",
    capabilities=Capabilities(
        live_rates=True,
        live_stock=True,
        doubt=DoubtMeans.NONE,
        cancel=False,
        line_level_shipments=False,
        test_orders=True,
    ),
    tracking_plan=SEVEN_CHECKS,
    final_check_grace=timedelta(hours=1),
    acknowledgement_deadline=timedelta(days=1),
    submit_timeout=timedelta(minutes=3),
    unreachable_deadline=timedelta(days=1),
    read_timeout=timedelta(seconds=20),
    remind_after=timedelta(hours=4),
    escalate_after=timedelta(hours=24),
)
PURCHASE_ORDER = PurchaseOrderRequest(
    purchase_order_id=9,
    order_id=7,
    channel="main",
    storefront_order_id="5000000001",
    order_name="#1001",
    number="DW-7-11",
    attempt=1,
    units=3,
    test=False,
    mode=Mode.LIVE,
    ship_country="ES",
    profile=PROFILE,
)
QUESTION = OpenTask(
    task_id=12,
    category=TaskCategory.HELD,
    question="#1001 is held. Shall it go on?",
    priority=3,
    answers=(CommandName.RELEASE, CommandName.CANCEL),
    remind_after=timedelta(hours=4),
    escalate_after=timedelta(hours=24),
)


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (SEVEN_CHECKS, "24-6-12-12-24-24-24 h"),
        ((timedelta(hours=1),), "1 h"),
        ((timedelta(seconds=2), timedelta(minutes=90)), "2 s, 1 h 30 min"),
    ],
)
def test_a_plan_reads_as_people_say_it(plan: tuple[timedelta, ...], text: str) -> None:
    assert plan_text(plan) == text


def test_an_order_shows_where_it_is_and_what_is_with_whom() -> None:
    details = order_details(ORDER, "Ordering", None, [(PURCHASE_ORDER, "shipped")], held=False)
    assert details.startswith("**#1001: Ordering**\n")
    assert "\n| BTSWholesaler | DW-7-11 | 3 | shipped |" in details
    assert "(held)" not in details


def test_an_open_question_shows_its_answers_and_what_silence_does() -> None:
    details = order_details(ORDER, "Screening", QUESTION, [], held=True)
    assert "(held)" in details
    assert "(task 12, held):** #1001 is held. Shall it go on?" in details
    assert "`release`, `cancel`" in details
    assert "a reminder goes out after 4 h, then an escalation every 24 h" in details


def test_a_tracked_purchase_order_shows_every_instant_of_its_plan() -> None:
    checks = [CONFIRMED + timedelta(hours=hours) for hours in (24, 30)]
    details = purchase_order_details(PURCHASE_ORDER, "Tracking", None, "A12345", checks, held=False)
    assert "- Supplier's number: A12345" in details
    assert "| 1 | 02 Mar 2026 12:00:00Z |\n| 2 | 02 Mar 2026 18:00:00Z |" in details
    assert "After check 2 without a shipment" in details


def test_before_it_is_placed_a_purchase_order_shows_no_checks() -> None:
    details = purchase_order_details(PURCHASE_ORDER, "ChoosingShipping", QUESTION, None, [], held=False)
    assert "check |" not in details
    assert "Supplier's number" not in details


@pytest.mark.parametrize("stage", ["Shipped", "TestPlaced", "Cancelled", "SomethingNew"])
def test_every_stage_renders_known_or_not(stage: str) -> None:
    assert stage in order_details(ORDER, stage, None, [], held=False)
    assert stage in purchase_order_details(PURCHASE_ORDER, stage, None, None, [], held=False)


def test_what_is_rendered_from_has_no_room_for_a_person() -> None:
    personal = (set(Address.model_fields) | {"address", "email", "phone", "customer"}) - {"name", "country_code"}
    for contract in (OrderRequest, PurchaseOrderRequest, SupplierProfile, OpenTask):
        assert not personal & set(contract.model_fields)
        assert not any(field.annotation in (Address, IncomingOrder) for field in contract.model_fields.values())


def test_the_operators_search_stays_within_the_caps_of_the_sql_store() -> None:
    caps = {"KEYWORD": 10, "KEYWORD_LIST": 3, "BOOL": 3, "DATETIME": 3, "DOUBLE": 3, "INT": 3, "TEXT": 3}
    kinds = [key.indexed_value_type.name for key in search_attributes.ALL]
    assert set(kinds) <= set(caps)
    assert all(kinds.count(kind) <= cap for kind, cap in caps.items())
    names = [key.name for key in search_attributes.ALL]
    assert len(set(names)) == len(names)


def test_every_attribute_that_is_set_is_one_that_is_registered() -> None:
    registered = {key.name for key in search_attributes.ALL}
    order = search_attributes.order_attributes(ORDER)
    purchase_order = search_attributes.purchase_order_attributes(PURCHASE_ORDER)
    updates = [*search_attributes.attention(QUESTION), *search_attributes.attention(None)]
    assert {pair.key.name for pair in [*order, *purchase_order]} <= registered
    assert {update.key.name for update in updates} <= registered


def test_a_summary_says_how_much_of_what_for_how_much() -> None:
    assert search_attributes.order_summary(ORDER) == "#1001 · 3 lines · 89.50 EUR"
    single_test = ORDER.model_copy(update={"lines": 1, "test": True})
    assert search_attributes.order_summary(single_test) == "#1001 · 1 line · 89.50 EUR · test"
    assert search_attributes.purchase_order_summary(PURCHASE_ORDER) == "#1001 at BTSWholesaler · 3 units · DW-7-11"


def test_an_order_that_waits_says_for_what_until_when_and_what_then() -> None:
    until = datetime(2026, 3, 9, 12, tzinfo=UTC)
    shortage = Shortage(
        action=ShortageAction.WAIT,
        units=2,
        missing=("2 x 4006381333931",),
        until=until,
        then=ShortageAction.ASK_CUSTOMER,
    )

    details = order_details(ORDER, "AwaitingStock", None, [], held=False, shortage=shortage)

    assert (
        "2 units are missing: 2 x 4006381333931. Waiting until 09 Mar 2026 12:00:00Z; then the customer is asked."
        in details
    )
    assert "`dropwright route explain '#1001'`" in details


def test_an_incident_of_a_supplier_that_is_back_says_when_it_will_be_over() -> None:
    request = IncidentRequest(supplier="bts", kind=Trouble.UNREACHABLE)
    calm = IncidentState(
        open=True,
        incident_id=3,
        opened_at=CONFIRMED,
        down_since=CONFIRMED + timedelta(hours=1),
        over_at=CONFIRMED + timedelta(hours=3),
    )

    text = incident_details(request, calm)

    assert "last down since 01 Mar 2026 13:00" in text
    assert "It serves us again: over at 01 Mar 2026 15:00" in text
    assert "incident probe" not in text


def test_an_incident_says_why_it_is_one_and_once_it_is_over_only_that() -> None:
    request = IncidentRequest(supplier="bts", kind=Trouble.UNREACHABLE)

    going_on = incident_details(request, IncidentState(open=True, incident_id=3, down=True, reason="NotSent"))
    over = incident_details(request, IncidentState(open=False))

    assert going_on.startswith("**bts: unreachable** (NotSent)\n\n- Orders that wait: 0\n")
    assert over.startswith("**bts: unreachable**\n\nIt is over.")
