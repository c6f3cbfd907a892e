import threading
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import NotSent, Throttled
from adapters.http import HttpApi
from adapters.pacing import ORDERS_ACTIVE, PATIENCE, Lane, Pace, in_background, questioning_lane


class Clock:
    """Time that passes only by sleeping, or by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def pace(rate: float) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(rate, clock=clock, sleep=clock.sleep), clock


RATES = st.floats(0.05, 500)
CALLS = st.lists(st.tuples(st.sampled_from(list(Lane)), st.floats(0, 3)), min_size=1, max_size=60)


@given(RATES, CALLS)
def test_no_more_calls_leave_than_the_rate_allows(rate: float, calls: list[tuple[Lane, float]]) -> None:
    paced, clock = pace(rate)
    left: list[float] = []
    for lane, rest in calls:
        clock.now += rest
        if paced.take(lane) is None:
            left.append(clock.now)
    burst = max(1.0, rate * 0.1)
    for first in range(len(left)):
        for last in range(first, len(left)):
            assert last - first + 1 <= burst + 1 + (left[last] - left[first]) * rate + 1e-6  # 1: on credit


@given(RATES, CALLS)
def test_nobody_waits_longer_than_its_patience(rate: float, calls: list[tuple[Lane, float]]) -> None:
    paced, clock = pace(rate)
    for lane, rest in calls:
        clock.now += rest
        began = clock.now
        delay = paced.take(lane)
        assert clock.now - began <= PATIENCE[lane] + 1e-6
        assert delay is None or delay > timedelta(0)


@given(RATES, CALLS)
def test_who_stays_away_as_long_as_told_gets_a_turn(rate: float, calls: list[tuple[Lane, float]]) -> None:
    paced, clock = pace(rate)
    for lane, rest in calls:
        clock.now += rest
        paced.take(lane)
    delay = paced.take(Lane.QUESTION)
    if delay is not None:
        clock.now += delay.total_seconds()
        assert paced.take(Lane.QUESTION) is None


def test_calls_leave_evenly() -> None:
    paced, clock = pace(4)
    left = []
    for _ in range(9):
        assert paced.take(Lane.QUESTION) is None
        left.append(clock.now - 1_000)
    assert left == pytest.approx([place / 4 for place in range(9)])


def test_background_calls_take_half_while_orders_are_active_and_all_of_it_otherwise() -> None:
    paced, clock = pace(10)

    def background_calls(seconds: float) -> int:
        end, taken = clock.now + seconds, 0
        while clock.now < end:
            assert paced.take(Lane.BACKGROUND) is None
            taken += 1
        return taken

    assert background_calls(10) == pytest.approx(100, abs=2)
    assert paced.take(Lane.QUESTION) is None
    assert background_calls(ORDERS_ACTIVE) == pytest.approx(ORDERS_ACTIVE * 5, abs=2)
    assert background_calls(10) == pytest.approx(100, abs=2)


def test_an_order_that_is_about_to_leave_goes_on_credit_once() -> None:
    paced, clock = pace(0.1)
    assert paced.take(Lane.QUESTION) is None
    assert paced.take(Lane.INSTRUCTION) is None
    assert clock.now == 1_000
    assert paced.take(Lane.INSTRUCTION) == timedelta(seconds=20)
    clock.now += 19
    assert paced.take(Lane.QUESTION) is None
    assert clock.now == pytest.approx(1_020)


def test_a_question_that_would_wait_too_long_is_told_when_to_come_back() -> None:
    paced, clock = pace(0.05)
    assert paced.take(Lane.QUESTION) is None
    assert paced.take(Lane.QUESTION) == timedelta(seconds=20)
    assert clock.now == 1_000


def test_questions_are_asked_in_the_background_inside_the_block_only() -> None:
    assert questioning_lane() is Lane.QUESTION
    with in_background():
        assert questioning_lane() is Lane.BACKGROUND
        elsewhere: list[Lane] = []
        thread = threading.Thread(target=lambda: elsewhere.append(questioning_lane()))
        thread.start()
        thread.join()
    assert (questioning_lane(), elsewhere) == (Lane.QUESTION, [Lane.QUESTION])


def test_orders_overtake_a_crowd_of_background_calls() -> None:
    paced, stop = Pace(100), threading.Event()
    counts: list[int] = []

    def crowd() -> None:
        taken = 0
        with in_background():
            while not stop.is_set():
                taken += paced.take(questioning_lane()) is None
        counts.append(taken)

    threads = [threading.Thread(target=crowd) for _ in range(6)]
    for thread in threads:
        thread.start()
    waits, began = [], time.monotonic()
    while time.monotonic() - began < 1.0:
        asked = time.monotonic()
        assert paced.take(Lane.QUESTION) is None
        waits.append(time.monotonic() - asked)
        time.sleep(0.03)
    stop.set()
    for thread in threads:
        thread.join(30)
    waits.sort()
    assert waits[len(waits) // 2] < 0.03  # six others wait for 60 ms each
    assert len(waits) + sum(counts) <= 100 * 1.3 + 20
    assert 15 <= sum(counts) <= 80


def api(handler: Callable[[httpx.Request], httpx.Response], rate: float, calls: list[str]) -> HttpApi:
    def note(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return handler(request)

    paced, _clock = pace(rate)
    client = httpx.Client(base_url="http://supplier.example", transport=httpx.MockTransport(note))
    return HttpApi(system="bts", client=client, sink=lambda _call: None, pace=paced)


def test_a_question_without_a_turn_is_not_sent() -> None:
    calls: list[str] = []
    slow = api(lambda _request: httpx.Response(200), 0.05, calls)
    slow.ask("getOrder", "GET", "getOrder")
    with pytest.raises(Throttled) as caught:
        slow.ask("getOrder", "GET", "getOrder")
    assert (caught.value.code, caught.value.retry_after) == ("paced", timedelta(seconds=20))
    assert calls == ["/getOrder"]


def test_an_instruction_without_a_turn_was_not_sent_and_waited_three_seconds_at_most() -> None:
    clock = Clock()
    paced = Pace(0.05, clock=clock, sleep=clock.sleep)
    assert paced.take(Lane.INSTRUCTION) is None
    assert paced.take(Lane.INSTRUCTION) is None
    nowhere = httpx.Client(base_url="http://127.0.0.1:9")
    slow = HttpApi(system="bts", client=nowhere, sink=lambda _call: pytest.fail("it left"), pace=paced)
    with pytest.raises(NotSent) as caught:
        slow.instruct("setCreateOrder", "POST", "setCreateOrder", timeout=timedelta(minutes=3))
    assert caught.value.code == "paced"
    assert clock.now - 1_000 <= 3
