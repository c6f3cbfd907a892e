import asyncio
import itertools
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.delivery import OrderDelivery
from adapters.database import customer_questions
from adapters.database.configurations import apply
from adapters.database.customer_questions import NewQuestion, PendingAnswer
from models.backordering import AskedLine, Substitute
from models.configuration import Configuration
from models.contracts import OrderRequest
from models.money import Money
from starter.public_pages import STYLE
from tests.intake import world as intake_world
from tests.intake.temporal import StandInOrder, sweeps, working
from tests.intake.world import World, build_world, configuration, logged_until, order
from workflows.decisions.links import Purpose, sign_link

SECRET, OLD = "the newest secret", "the secret before it"
TITLE = 'Cream <b>&amp; "soap"</b>'
SUBSTITUTE = Substitute(ean="8411061123463", title="Soap 'plain'", available=9)


@pytest.fixture(scope="module")
def world(database_url: str) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        for name, secret in {"LINK_SECRET": SECRET, "LINK_OLD_SECRET": OLD}.items():
            patch.setitem(intake_world.SECRETS, name, secret)
        built = build_world(database_url)
        configure(built)
        yield built
        built.database.close()


def configure(world: World, *, customers: bool = True) -> None:
    document = configuration().model_dump(mode="json")
    if customers:
        document["customers"] = {
            "public_url": "https://orders.planted.example",
            "link_secret_env": "LINK_SECRET",
            "previous_link_secret_env": "LINK_OLD_SECRET",
        }
    apply(world.database, Configuration.model_validate(document), by="test", now=datetime.now(UTC))
    world.configurations._read_at = float("-inf")


def ask(world: World, *units: int, secret: str = SECRET, expires_in: timedelta = timedelta(days=3)) -> tuple[int, str]:
    """Put a question to the customer of an order that runs. Returns its number and its link's path."""
    document = order()
    request = world.receive(document).order_request
    assert request is not None
    now = datetime.now(UTC)
    lines = [
        AskedLine(line_id=str(number), ean="8411061123456", title=TITLE, units=wanted, alternatives=(SUBSTITUTE,))
        for number, wanted in enumerate(units or (2,), 11)
    ]
    new = NewQuestion(
        lines=lines, when_silent="wait", answer_by=now + timedelta(days=3), wait_until=now + timedelta(days=14)
    )
    with world.database.begin() as tx:
        tx.execute(text("UPDATE orders SET state = 'open' WHERE id = :id"), {"id": request.order_id})
        question = customer_questions.put(tx, request.order_id, new, now=now)
    return question.id, f"/c/{sign_link(Purpose.CUSTOMER_QUESTION, question.id, now + expires_in, secret)}"


def answer_of(world: World, question_id: int) -> Any:
    (row,) = world.rows("SELECT answer FROM customer_questions WHERE id = :id", id=question_id)
    return row.answer


WAIT = {"lines": [{"line_id": "11", "choice": "wait"}], "cancel_all": False}
CANCEL = {"lines": [{"line_id": "11", "choice": "cancel_line"}], "cancel_all": False}
INSTEAD = {"lines": [{"line_id": "11", "choice": "alternative", "ean": SUBSTITUTE.ean}], "cancel_all": False}


def test_the_page_says_what_lacks_and_what_may_be_chosen_and_names_nobody(world: World, api: httpx.Client) -> None:
    _, link = ask(world)

    page = api.get(link)

    assert page.status_code == 200
    assert page.text.count('type="radio"') == 3
    assert "2 × Cream &lt;b&gt;&amp;amp; &#34;soap&#34;&lt;/b&gt;" in page.text
    assert f"<style>{STYLE}</style>" in page.text
    for personal in ("Planted", "Madrid", "28001", "@"):
        assert personal not in page.text


def test_nothing_of_the_page_is_kept_or_told_to_others(world: World, api: httpx.Client) -> None:
    _, link = ask(world)

    for response in (api.get(link), api.get("/c/x"), api.post(link, data={"line-0": "wait"})):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_looking_answers_nothing(world: World, api: httpx.Client) -> None:
    question, link = ask(world)

    for method in ("GET", "GET", "HEAD", "OPTIONS"):
        api.request(method, f"{link}?line-0=cancel&all=cancel")

    assert answer_of(world, question) is None


@pytest.mark.parametrize(
    ("form", "kept"),
    [
        ({"line-0": "wait"}, WAIT),
        ({"line-0": "cancel"}, CANCEL),
        ({"line-0": f"instead:{SUBSTITUTE.ean}"}, INSTEAD),
        ({"all": "cancel"}, {"cancel_all": True, "lines": []}),
    ],
    ids=["wait", "leave out", "something else", "the whole order"],
)
def test_an_answer_is_kept_and_shown(world: World, api: httpx.Client, form: dict[str, str], kept: Any) -> None:
    question, link = ask(world)

    posted = api.post(link, data=form)
    shown = api.get(httpx.URL(str(posted.request.url)).join(posted.headers["location"]))

    assert posted.status_code == 303
    assert answer_of(world, question) == kept
    assert shown.status_code == 200
    assert "This is what you have told us" in shown.text
    assert 'type="radio"' not in shown.text


def test_each_line_is_answered_for_itself(world: World, api: httpx.Client) -> None:
    question, link = ask(world, 2, 1)

    api.post(link, data={"line-0": "wait", "line-1": "cancel"})

    assert [line["choice"] for line in answer_of(world, question)["lines"]] == ["wait", "cancel_line"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"line-1=wait",
        b"line-0=",
        b"line-0=instead:8411061999999",
        b"all=yes",
        b"\xff\xfe",
        b"&" * 50,
        b"a=b&" * 900,
    ],
    ids=["empty", "another line", "no choice", "not offered", "not sure", "no text", "nothing in it", "many fields"],
)
def test_a_form_that_our_page_would_not_send_changes_nothing_and_may_be_sent_again(
    world: World, api: httpx.Client, body: bytes
) -> None:
    question, link = ask(world)

    refused = api.post(link, content=body)

    assert refused.status_code == 422
    assert 'role="alert"' in refused.text
    assert answer_of(world, question) is None
    assert api.post(link, data={"line-0": "wait"}).status_code == 303


def test_a_form_of_more_than_32_kib_is_not_read(world: World, api: httpx.Client) -> None:
    question, link = ask(world)

    assert api.post(link, content=b"line-0=wait&x=" + b"x" * 32755).status_code == 413
    assert answer_of(world, question) is None


def test_an_order_of_500_lines_can_be_answered(world: World, api: httpx.Client) -> None:
    question, link = ask(world, *[1] * 500)

    answered = api.post(link, data={f"line-{number}": f"instead:{SUBSTITUTE.ean}" for number in range(500)})

    assert answered.status_code == 303
    assert len(answer_of(world, question)["lines"]) == 500


def test_the_first_answer_stands(world: World, api: httpx.Client) -> None:
    question, link = ask(world)

    api.post(link, data={"line-0": "wait"})
    second = api.post(link, data={"line-0": "cancel"}, follow_redirects=True)

    assert answer_of(world, question) == WAIT
    assert "wait for it" in second.text


def test_of_answers_that_come_at_once_one_is_kept_and_brought_to_the_order_once(
    world: World, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought: list[int] = []

    async def note(_self: OrderDelivery, answer: PendingAnswer) -> bool:
        brought.append(answer.question_id)
        return True

    monkeypatch.setattr(OrderDelivery, "deliver_answer", note)
    question, link = ask(world)
    words = itertools.cycle(["wait", "cancel"])

    with ThreadPoolExecutor(8) as customers:
        posted = list(customers.map(lambda word: api.post(link, data={"line-0": word}), itertools.islice(words, 8)))

    assert {one.status_code for one in posted} == {303}
    assert answer_of(world, question) in (WAIT, CANCEL)
    assert brought == [question]


def test_a_link_by_the_secret_before_is_still_good(world: World, api: httpx.Client) -> None:
    _, link = ask(world, secret=OLD)

    assert api.get(link).status_code == 200


@pytest.mark.parametrize("secret", ["somebody else's secret", "new secret", ""])
def test_a_forged_link_shows_and_changes_nothing(world: World, api: httpx.Client, secret: str) -> None:
    question, link = ask(world, secret=secret)

    for response in (api.get(link), api.post(link, data={"line-0": "cancel"})):
        assert response.status_code == 404
        assert "Cream" not in response.text
    assert answer_of(world, question) is None


def test_a_link_that_has_run_out_shows_and_changes_nothing(world: World, api: httpx.Client) -> None:
    question, link = ask(world, expires_in=timedelta(seconds=-1))

    for response in (api.get(link), api.post(link, data={"line-0": "cancel"})):
        assert response.status_code == 410
        assert "Cream" not in response.text
    assert answer_of(world, question) is None


@pytest.mark.parametrize(
    "statement",
    ["UPDATE customer_questions SET ended_at = now(), ending = 'overtaken'", "UPDATE orders SET state = 'cancelled'"],
)
def test_a_question_that_is_none_any_more_takes_no_answer(world: World, api: httpx.Client, statement: str) -> None:
    question, link = ask(world)
    with world.database.begin() as tx:
        tx.execute(text(statement))

    for response in (api.get(link), api.post(link, data={"line-0": "cancel"})):
        assert response.status_code == 410
        assert "no longer needed" in response.text
    assert answer_of(world, question) is None


def test_where_customers_are_not_asked_no_link_leads_anywhere(world: World, api: httpx.Client) -> None:
    _, link = ask(world)
    configure(world, customers=False)
    status = api.get(link).status_code
    configure(world)

    assert status == 404
    assert api.get(link).status_code == 200


def test_a_genuine_link_to_a_question_that_is_gone_leads_nowhere(world: World, api: httpx.Client) -> None:
    link = f"/c/{sign_link(Purpose.CUSTOMER_QUESTION, 2**62, datetime.now(UTC) + timedelta(days=1), SECRET)}"

    assert api.get(link).status_code == 404


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90))
def test_whatever_is_put_in_a_links_place_is_answered_with_not_found(api: httpx.Client, token: str) -> None:
    url = httpx.URL(str(api.base_url), raw_path=b"/c/" + _quoted(token))

    response = api.get(url, follow_redirects=True)  # a slash too many leads to the link without it

    assert response.status_code == 404


def _quoted(token: str) -> bytes:
    return "".join(f"%{byte:02X}" for byte in token.encode()).encode()


def test_no_line_of_the_log_holds_a_link_or_a_person(
    world: World, api: httpx.Client, capfd: pytest.CaptureFixture[str]
) -> None:
    _, link = ask(world)

    api.get(link)
    api.post(link, data={"line-0": "wait"})
    api.get("/c/" + "x" * 64)

    logged = logged_until(capfd, "/c/{token}", {("GET", "200"), ("POST", "303"), ("GET", "404")})
    assert all("/c/{token}" in line for line in logged.splitlines() if "/c/" in line)
    assert not re.search(re.escape(link[3:20]) + "|planted", logged, re.IGNORECASE)


async def test_an_answer_that_was_stored_as_the_api_died_is_delivered_by_the_sweep(
    world: World, api: httpx.Client, temporal_client: Client
) -> None:
    question, link = ask(world)
    (row,) = world.rows(
        "SELECT o.* FROM orders o JOIN customer_questions q ON q.order_id = o.id WHERE q.id = :id", id=question
    )
    request = OrderRequest(
        order_id=row.id,
        channel="main",
        storefront_order_id=row.storefront_order_id,
        name=row.name,
        total=Money(amount=row.total, currency="EUR"),
        lines=1,
    )
    posted = await asyncio.to_thread(api.post, link, data={"line-0": "wait"})  # this API reaches no Temporal server
    assert posted.status_code == 303
    activities = sweeps(temporal_client, world)
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=datetime.now(UTC) + timedelta(minutes=1))
    async with working(temporal_client):
        await activities._delivery.start_order(request)
        handle = temporal_client.get_workflow_handle_for(StandInOrder.run, f"order/main/{row.storefront_order_id}")
        delivered = [await environment.run(activities.deliver_stored_events) for _ in range(2)]
        heard = await handle.query(StandInOrder.heard)
        await handle.signal(StandInOrder.end)
        history = await handle.fetch_history()

    assert delivered[-1] == 0
    assert heard == [f"answered {question}"]
    assert "planted" not in history.to_json().lower()
