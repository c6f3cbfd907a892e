import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError
from temporalio.exceptions import ApplicationError

from adapters.errors import AccountHold, AuthenticationFailed, Doubtful, NotSent, Refused, Throttled
from models.commands import Command, CommandName
from models.contracts import (
    CommandRecord,
    ConfirmRequest,
    PurchaseOrderEnding,
    PurchaseOrderRequest,
    StepVerdict,
    Submission,
)
from models.statuses import PurchaseOrderState
from models.suppliers import SupplierOrder, SupplierState
from tests.activities.broken_commit import BrokenCommit
from tests.activities.world import ARTICLE, START, World, ref, submit

WAIT_SECONDS = 20


def fence_of(world: World, order: PurchaseOrderRequest) -> str:
    return str(world.purchase_order(order)["submission"])


def raising(error: Exception) -> Callable[[SupplierOrder], None]:
    def on_place(_: SupplierOrder) -> None:
        raise error

    return on_place


def refusing(code: str) -> Callable[[], None]:
    def refuse() -> None:
        raise Refused("asked", code=code)

    return refuse


# The usual way.


def test_an_order_is_placed_with_our_number_its_quote_and_its_units(world: World) -> None:
    order = world.quoted(2, 3)
    submission = world.run(world.submission.submit_purchase_order, submit(order))
    assert submission.verdict is StepVerdict.DONE
    assert submission.supplier_number == "A00001"
    assert submission.acknowledged
    assert submission.confirmed_at == START
    (sent,) = world.bts.placed
    assert (sent.number, sent.quote_id, sent.test) == (order.number, "501", False)
    assert [(line.ean, line.quantity) for line in sent.lines] == [(ARTICLE, 5)]
    row = world.purchase_order(order)
    assert (row["submission"], row["state"], row["fence"]) == ("placed", "acknowledged", 1)


def test_the_suppliers_total_is_kept_as_goods_and_shipping_apart(world: World) -> None:
    order = world.placed()
    costs = world.rows(
        "SELECT kind, amount, currency FROM costs WHERE purchase_order_id = :id", id=order.purchase_order_id
    )
    assert {cost["kind"]: f"{cost['amount']:.2f} {cost['currency']}" for cost in costs} == {
        "goods": "25.10 EUR",
        "shipping": "4.90 EUR",
    }


def test_an_order_that_is_placed_already_is_answered_from_its_row(world: World) -> None:
    order = world.placed()
    again = world.run(world.submission.submit_purchase_order, submit(order), attempt=2)
    assert (again.verdict, again.supplier_number) == (StepVerdict.DONE, "A00001")
    assert len(world.bts.placed) == 1


def test_a_supplier_that_waits_for_its_money_has_not_acknowledged(world: World) -> None:
    world.bts.first_state = SupplierState.AWAITING_PAYMENT
    order = world.quoted()
    submission = world.run(world.submission.submit_purchase_order, submit(order))
    assert not submission.acknowledged
    assert world.purchase_order(order)["acknowledged_at"] is None


def test_a_cancelled_order_is_withdrawn_before_anything_leaves(world: World) -> None:
    order = world.quoted()
    with world.database.begin() as tx:
        tx.exec_driver_sql("UPDATE orders SET cancel_requested_at = now()")
    submission = world.run(world.submission.submit_purchase_order, submit(order))
    assert submission.verdict is StepVerdict.WITHDRAWN
    assert world.bts.placed == []


def test_stock_that_has_gone_since_the_plan_rejects_the_purchase_order(world: World) -> None:
    order = world.quoted(2)
    world.bts.stock[ARTICLE] = 1
    assert world.run(world.submission.submit_purchase_order, submit(order)).verdict is StepVerdict.REJECTED
    assert world.bts.placed == []
    assert fence_of(world, order) == "ready"


def test_an_address_that_changed_after_the_quote_needs_a_new_quote(world: World) -> None:
    order = world.quoted()
    with world.database.begin() as tx:
        tx.exec_driver_sql("""UPDATE addresses SET address = address || '{"postal_code": "28002"}'""")
    assert world.run(world.submission.submit_purchase_order, submit(order)).verdict is StepVerdict.REQUOTE
    assert world.bts.placed == []


# Two at once.


def test_of_two_attempts_at_once_only_one_sends(world: World) -> None:
    order = world.quoted()
    at_stock, inside, released = threading.Barrier(2, timeout=WAIT_SECONDS), threading.Event(), threading.Event()
    world.bts.on_stock = lambda: bool(at_stock.wait())  # both have read "ready" before either claims

    def on_place(_: SupplierOrder) -> None:
        inside.set()
        assert released.wait(WAIT_SECONDS)

    world.bts.on_place = on_place

    def attempt(number: int) -> Submission:
        try:
            return world.run(world.submission.submit_purchase_order, submit(order), attempt=number)
        finally:
            if inside.is_set():
                released.set()  # whoever did not send is through: the sender's reply may come now

    with ThreadPoolExecutor(2) as threads:
        verdicts = [one.verdict for one in threads.map(attempt, (1, 2))]
    assert len(world.bts.placed) == 1
    # The one that found the other's claim raised the fence, so the late reply no longer counts: a person decides.
    assert verdicts == [StepVerdict.UNKNOWN, StepVerdict.UNKNOWN]
    assert world.tasks() == ["submit_unknown", "late_reply"]


# What an earlier attempt left behind.


class Killed(BaseException):
    """Nothing in an activity catches it, as nothing catches SIGKILL."""


@contextmanager
def killed_before_the_answer_is_kept(world: World) -> Iterator[None]:
    def die(_: SupplierOrder) -> None:
        raise Killed

    world.bts.on_place = die
    with pytest.raises(Killed):
        yield
    world.bts.on_place = lambda _order: None


def test_a_strangers_claim_puts_the_order_in_doubt_and_asks_once(world: World) -> None:
    order = world.quoted()
    with killed_before_the_answer_is_kept(world):
        world.run(world.submission.submit_purchase_order, submit(order))
    assert fence_of(world, order) == "sending"
    for attempt in (2, 3):
        submission = world.run(world.submission.submit_purchase_order, submit(order), attempt=attempt)
        assert submission.verdict is StepVerdict.UNKNOWN
        assert submission.task is not None
    assert fence_of(world, order) == "unknown"
    assert world.tasks() == ["submit_unknown"]
    assert len(world.bts.placed) == 1


@pytest.mark.parametrize("after", [False, True], ids=["before it is durable", "after, with the reply lost"])
@pytest.mark.parametrize("commit", [1, 2, 3], ids=["read", "claim", "record"])
def test_a_commit_that_fails_anywhere_never_leads_to_a_second_send(world: World, commit: int, *, after: bool) -> None:
    order = world.quoted()
    with suppress(OperationalError), BrokenCommit(world.database, commit, after=after):
        world.run(world.submission.submit_purchase_order, submit(order))
    for attempt in (2, 3):
        world.run(world.submission.submit_purchase_order, submit(order), attempt=attempt)
    if commit == 2 and after:  # claimed, and nobody can tell that it was not sent
        assert (fence_of(world, order), len(world.bts.placed), world.tasks()) == ("unknown", 0, ["submit_unknown"])
        return
    assert (fence_of(world, order), len(world.bts.placed), world.tasks()) == ("placed", 1, [])
    # Where a commit's reply is lost the call may be on record twice; it is never missing.
    assert len(world.rows("SELECT 1 FROM calls WHERE operation = 'place_order'")) in ((1, 2) if after else (1,))
    assert len(world.rows("SELECT 1 FROM timeline WHERE event = 'purchase_order.placed'")) == 1


def test_a_reply_that_comes_after_the_fence_was_raised_changes_nothing_and_asks(world: World) -> None:
    order = world.quoted()

    def another_resolves_meanwhile(_: SupplierOrder) -> None:
        resolved = world.run(world.submission.resolve_submission, ref(order))
        assert resolved.verdict is StepVerdict.UNKNOWN

    world.bts.on_place = another_resolves_meanwhile
    submission = world.run(world.submission.submit_purchase_order, submit(order))
    assert submission.verdict is StepVerdict.UNKNOWN
    row = world.purchase_order(order)
    assert (row["submission"], row["supplier_number"], row["confirmed_at"]) == ("unknown", None, None)
    attempt = world.only("SELECT outcome, supplier_number FROM submission_attempts")
    assert attempt == {"outcome": "placed", "supplier_number": "A00001"}
    assert world.tasks() == ["submit_unknown", "late_reply"]
    assert submission.task is not None
    asked = world.only("SELECT id FROM tasks WHERE category = 'submit_unknown'")
    assert submission.task.task_id == asked["id"]  # the question that its workflow waits with is still the same
    late = world.only("SELECT question, evidence, workflow_id FROM tasks WHERE category = 'late_reply'")
    assert "exists there as A00001" in late["question"]
    assert (late["evidence"]["supplier_number"], late["workflow_id"]) == ("A00001", None)


# What the supplier may say.


@pytest.mark.parametrize(
    "error",
    [
        NotSent("setCreateOrder: no connection", code="ConnectError"),
        Throttled("setCreateOrder: asks us to wait", retry_after=timedelta(seconds=30)),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_was_never_taken_is_ready_again_and_placed_by_the_next_attempt(world: World, error: Exception) -> None:
    order = world.quoted()
    world.bts.on_place = raising(error)
    with pytest.raises(ApplicationError) as refused:
        world.run(world.submission.submit_purchase_order, submit(order))
    assert not refused.value.non_retryable
    assert fence_of(world, order) == "ready"
    assert world.tasks() == []
    world.bts.on_place = lambda _order: None
    submission = world.run(world.submission.submit_purchase_order, submit(order), attempt=2)
    assert submission.verdict is StepVerdict.DONE
    outcomes = [row["outcome"] for row in world.rows("SELECT outcome FROM submission_attempts ORDER BY id")]
    assert outcomes == ["not_sent", "placed"]


def test_credentials_that_are_not_accepted_give_the_claim_back_and_the_order_waits(world: World) -> None:
    order = world.quoted()
    world.bts.on_place = raising(AuthenticationFailed("setCreateOrder: 401", code="unauthorized"))
    submission = world.run(world.submission.submit_purchase_order, submit(order))
    assert submission.verdict is StepVerdict.DOWN
    assert fence_of(world, order) == "ready"
    assert world.tasks() == []


def test_a_supplier_that_asks_us_to_wait_is_asked_when_it_said(world: World) -> None:
    order = world.quoted()
    world.bts.on_place = raising(Throttled("setCreateOrder", retry_after=timedelta(seconds=30)))
    with pytest.raises(ApplicationError) as refused:
        world.run(world.submission.submit_purchase_order, submit(order))
    assert refused.value.next_retry_delay == timedelta(seconds=30)


@pytest.mark.parametrize(
    "error", [Doubtful("setCreateOrder: no answer", code="ReadTimeout"), RuntimeError("a bug in the adapter")]
)
def test_a_doubtful_reply_asks_a_person_once_however_often_it_is_repeated(world: World, error: Exception) -> None:
    order = world.quoted()
    world.bts.on_place = raising(error)
    verdicts = [
        world.run(world.submission.submit_purchase_order, submit(order), attempt=attempt).verdict
        for attempt in (1, 2, 3)
    ]
    verdicts.append(world.run(world.submission.resolve_submission, ref(order)).verdict)
    assert set(verdicts) == {StepVerdict.UNKNOWN}
    assert len(world.bts.placed) == 1
    assert world.tasks() == ["submit_unknown"]
    evidence = world.only("SELECT evidence FROM tasks")["evidence"]
    assert evidence["request"]["number"] == order.number
    assert evidence["heard"]


@pytest.mark.parametrize(
    ("code", "verdict", "task"),
    [
        ("no_stock", StepVerdict.REJECTED, []),
        ("product_error", StepVerdict.REJECTED, []),
        ("shipping_cost_code_error", StepVerdict.REQUOTE, []),
        ("state_code_error", StepVerdict.ASK, ["supplier_refused"]),
    ],
)
def test_a_refusal_is_decided_by_its_code(world: World, code: str, verdict: StepVerdict, task: list[str]) -> None:
    order = world.quoted()
    world.bts.on_place = raising(Refused("setCreateOrder", code=code))
    assert world.run(world.submission.submit_purchase_order, submit(order)).verdict is verdict
    assert fence_of(world, order) == "ready"
    assert world.tasks() == task


@pytest.mark.parametrize(
    ("code", "verdict", "task"),
    [("product_error", StepVerdict.REJECTED, []), ("country_error", StepVerdict.ASK, ["supplier_refused"])],
)
def test_a_refusal_to_quote_is_decided_by_its_code_at_once(
    world: World, code: str, verdict: StepVerdict, task: list[str]
) -> None:
    [order] = world.planned(2)
    world.bts.on_quote = refusing(code)
    assert world.run(world.choosing.choose_shipping, ref(order)).verdict is verdict
    assert world.tasks() == task


def test_a_refusal_to_tell_stock_is_asked_about_at_once(world: World) -> None:
    order = world.quoted()
    world.bts.on_stock = refusing("not_allowed")
    assert world.run(world.submission.submit_purchase_order, submit(order)).verdict is StepVerdict.ASK
    assert world.tasks() == ["supplier_refused"]
    assert world.bts.placed == []


def test_a_supplier_that_refuses_its_own_quotes_again_and_again_is_asked_about(world: World) -> None:
    order = world.quoted()
    world.bts.on_place = raising(Refused("setCreateOrder", code="shipping_cost_code_error"))
    verdicts = [
        world.run(world.submission.submit_purchase_order, submit(order), attempt=attempt).verdict
        for attempt in (1, 2, 3)
    ]
    assert verdicts == [StepVerdict.REQUOTE, StepVerdict.REQUOTE, StepVerdict.ASK]


def test_a_test_order_is_sent_as_one(world: World) -> None:
    world.placed(test=True)
    assert [order.test for order in world.bts.placed] == [True]


# What people decide.


def doubtful(world: World) -> PurchaseOrderRequest:
    order = world.quoted()
    world.bts.on_place = raising(Doubtful("setCreateOrder", code="ReadTimeout"))
    world.run(world.submission.submit_purchase_order, submit(order))
    world.bts.on_place = lambda _order: None
    return order


def confirm(order: PurchaseOrderRequest, number: str) -> ConfirmRequest:
    return ConfirmRequest(**ref(order).model_dump(), supplier_number=number)


def test_confirming_twice_keeps_the_first_number_and_its_instant(world: World) -> None:
    order = doubtful(world)
    first = world.run(world.submission.confirm_submission, confirm(order, "A777"))
    later = START + timedelta(hours=5)
    second = world.run(world.submission.confirm_submission, confirm(order, "A888"), at=later, attempt=2)
    assert (first.supplier_number, first.confirmed_at) == ("A777", START)
    assert (second.supplier_number, second.confirmed_at) == ("A777", START)
    told = world.rows("SELECT detail FROM timeline WHERE event = 'purchase_order.placed'")
    assert [row["detail"]["supplier_number"] for row in told] == ["A777"]


def test_a_number_that_is_another_orders_is_asked_about_once_more_and_believed_when_it_is_said_again(
    world: World,
) -> None:
    other = world.placed()
    taken = world.purchase_order(other)["supplier_number"]
    order = doubtful(world)
    wrong = world.run(world.submission.confirm_submission, confirm(order, taken))
    assert wrong.verdict is StepVerdict.UNKNOWN
    assert wrong.task is not None
    assert fence_of(world, order) == "unknown"
    task = world.only("SELECT * FROM tasks WHERE id = :id", id=wrong.task.task_id)
    assert other.number in task["evidence"]["looked"]

    said = CommandRecord(
        order_id=order.order_id,
        purchase_order_id=order.purchase_order_id,
        command=Command(command=CommandName.CONFIRM_SUBMISSION, actor="ops", supplier_number=taken),
        command_id="said-again",
        task_id=wrong.task.task_id,
    )
    world.run(world.people.record_command, said)
    again = world.run(world.submission.confirm_submission, confirm(order, taken), at=START + timedelta(hours=1))
    assert (again.verdict, again.supplier_number) == (StepVerdict.DONE, taken)


def test_an_answer_leaves_no_question_behind_that_a_look_has_put_once_more_meanwhile(world: World) -> None:
    order = doubtful(world)
    world.run(world.submission.resolve_submission, ref(order))
    assert world.tasks() == ["submit_unknown"]
    world.run(world.submission.reopen_submission, ref(order))
    assert world.tasks() == []
    other = doubtful(world)
    world.run(world.submission.confirm_submission, confirm(other, "A777"))
    assert world.tasks() == []


def test_reopening_twice_allows_one_more_submission_and_no_third(world: World) -> None:
    order = doubtful(world)
    for attempt in (1, 2):
        world.run(world.submission.reopen_submission, ref(order), attempt=attempt)
    assert fence_of(world, order) == "ready"
    assert world.run(world.submission.submit_purchase_order, submit(order)).verdict is StepVerdict.DONE
    world.run(world.submission.reopen_submission, ref(order), attempt=3)  # a straggler: it is placed meanwhile
    assert fence_of(world, order) == "placed"
    assert len(world.bts.placed) == 2


def test_once_it_has_ended_no_straggler_can_send(world: World) -> None:
    order = world.quoted()
    ending = PurchaseOrderEnding(**ref(order).model_dump(), ending=PurchaseOrderState.CANCELLED)
    for attempt in (1, 2):
        world.run(world.ends.end_purchase_order, ending, attempt=attempt)
    submission = world.run(world.submission.submit_purchase_order, submit(order))
    assert submission.verdict is StepVerdict.WITHDRAWN
    assert world.bts.placed == []
    assert fence_of(world, order) == "withdrawn"
    told = world.rows("SELECT 1 FROM timeline WHERE event = 'purchase_order.cancelled'")
    assert len(told) == 1


def test_an_account_hold_gives_the_claim_back_and_is_no_refusal_of_the_order(world: World) -> None:
    order = world.quoted()
    world.bts.on_place = raising(AccountHold("setCreateOrder", code="no_enough_money"))
    submission = world.run(world.submission.submit_purchase_order, submit(order))
    assert submission.verdict is StepVerdict.DOWN
    assert fence_of(world, order) == "ready"
    assert world.tasks() == ["account_hold"]


@pytest.mark.parametrize(
    ("said", "state"), [(SupplierState.ACKNOWLEDGED, "consumed"), (SupplierState.AWAITING_PAYMENT, "held")]
)
def test_what_a_supplier_acknowledges_as_it_takes_an_order_is_consumed_at_once(
    world: World, said: SupplierState, state: str
) -> None:
    world.bts.first_state = said
    world.placed(2)
    assert world.rows("SELECT state, quantity FROM reservations") == [{"state": state, "quantity": 2}]
