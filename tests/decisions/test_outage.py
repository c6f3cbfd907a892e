from datetime import UTC, datetime, timedelta

import pytest

from workflows.decisions import outage
from workflows.decisions.outage import DueNotice, Notice

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = 24 * HOUR
DIGEST = {"digest_every": DAY, "escalate_after": DAY}


@pytest.mark.parametrize(
    ("failures", "failing_for", "recovering", "expected"),
    [
        (1, 2 * HOUR, False, False),
        (2, 2 * HOUR, False, False),
        (3, MINUTE, False, True),
        (3, 59 * timedelta(seconds=1), False, False),
        (500, timedelta(seconds=1), False, False),
        (3, timedelta(0), True, True),
        (2, HOUR, True, False),
    ],
)
def test_a_supplier_is_down_after_enough_failures_over_enough_time(
    failures: int, failing_for: timedelta, *, recovering: bool, expected: bool
) -> None:
    opens = outage.opens(failures, failing_for, most_failures=3, within_at_least=MINUTE, recovering=recovering)
    assert opens is expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (-MINUTE, None),
        (timedelta(0), None),
        (DAY - MINUTE, None),
        (DAY, DueNotice(Notice.ESCALATION)),
        (DAY + HOUR, DueNotice(Notice.ESCALATION)),
        (2 * DAY, DueNotice(Notice.DIGEST, 2)),
        (5 * DAY + HOUR, DueNotice(Notice.DIGEST, 5)),
    ],
)
def test_of_the_mails_about_an_outage_only_the_newest_is_due(after: timedelta, expected: DueNotice | None) -> None:
    assert outage.notice_due(START, START + after, **DIGEST) == expected


def test_two_days_of_trouble_are_two_mails_beside_the_first_and_the_last() -> None:
    looks = [START + number * 30 * MINUTE for number in range(97)]
    due = {outage.notice_due(START, look, **DIGEST) for look in looks}
    assert due - {None} == {DueNotice(Notice.ESCALATION), DueNotice(Notice.DIGEST, 2)}


def test_an_escalation_between_two_digests_is_a_mail_of_its_own() -> None:
    due = [outage.notice_due(START, START + hours * HOUR, 12 * HOUR, 30 * HOUR) for hours in (12, 24, 30, 36)]
    assert due == [
        DueNotice(Notice.DIGEST, 1),
        DueNotice(Notice.DIGEST, 2),
        DueNotice(Notice.ESCALATION),
        DueNotice(Notice.DIGEST, 3),
    ]


@pytest.mark.parametrize(("after", "expected"), [(0, 12), (12, 24), (25, 30), (30, 36), (31, 36)])
def test_the_next_mail_is_the_nearer_of_digest_and_escalation(after: int, expected: int) -> None:
    found = outage.next_notice(START, START + after * HOUR, 12 * HOUR, 30 * HOUR)
    assert found == START + expected * HOUR


def test_a_supplier_that_asks_to_stay_away_is_not_tried_before() -> None:
    assert outage.next_probe(START, 30 * MINUTE, None) == START + 30 * MINUTE
    assert outage.next_probe(START, 30 * MINUTE, START + 2 * HOUR) == START + 2 * HOUR
    assert outage.next_probe(START, 30 * MINUTE, START + MINUTE) == START + 30 * MINUTE


def test_a_poll_rests_until_the_next_look_and_its_plan_ends_when_it_would_have_ended() -> None:
    checks = [START, START + HOUR]
    assert outage.poll_pause(START, checks, HOUR, 30 * MINUTE) == 30 * MINUTE
    assert outage.poll_pause(START + 110 * MINUTE, checks, HOUR, 30 * MINUTE) == 10 * MINUTE
    assert outage.poll_pause(START + 2 * HOUR, checks, HOUR, 30 * MINUTE) is None


def test_what_is_under_way_takes_room_from_those_that_wait() -> None:
    assert [outage.room(20, under_way, proven=True) for under_way in (0, 15, 20, 25)] == [20, 5, 0, 0]


def test_until_one_has_come_through_orders_go_one_by_one() -> None:
    assert [outage.room(20, under_way, proven=False) for under_way in (0, 1, 20)] == [1, 0, 0]
