from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy.exc import OperationalError
from temporalio.exceptions import ApplicationError

from activities.outside import Outside
from adapters.database import mails
from adapters.database.mails import DOUBTFUL_AFTER, Letter
from adapters.errors import Doubtful, NotSent, Refused
from adapters.ports import Mailer
from adapters.secrets import MissingSecretError
from models.contracts import MailBatch
from tests.activities.broken_commit import BrokenCommit
from tests.activities.world import START, World

MINUTE = timedelta(minutes=1)


def write(world: World, *keys: str) -> None:
    letters = [
        Letter(key=key, kind="shipped", audience="customer", recipient="a@planted.example", subject=key, body="…")
        for key in keys
    ]
    with world.database.begin() as tx:
        mails.write(tx, letters, now=START)


def state_of(world: World, key: str) -> str:
    return str(world.only("SELECT state FROM mails WHERE key = :key", key=key)["state"])


def dispatch(world: World, *, after: timedelta = timedelta(0)) -> MailBatch | None:
    """Dispatch once; None where the outbox had nothing due."""
    try:
        return world.run(world.mail.dispatch_mail, at=START + after)
    except ApplicationError as error:
        if error.type != "NotYet":
            raise
        return None


def test_a_mail_is_sent_once_and_marked(world: World) -> None:
    write(world, "news")
    assert dispatch(world) == MailBatch(sent=1)
    assert dispatch(world) is None
    assert state_of(world, "news") == "sent"
    assert [mail["subject"] for mail in world.mailer.sent] == ["news"]


def test_news_that_was_told_is_not_written_a_second_time(world: World) -> None:
    for _ in range(2):
        write(world, "news", "other news")
    assert dispatch(world) == MailBatch(sent=2)


def test_a_repeated_mail_is_recognisably_the_same_mail(world: World) -> None:
    write(world, "news")
    world.mailer.on_send = _raising(Doubtful("DATA"))
    dispatch(world)
    assert len({mail["message_id"] for mail in world.mailer.sent}) == 1
    assert world.mailer.sent[0]["message_id"].endswith("@planted.example>")


def test_a_mail_of_doubtful_fate_is_sent_once_more_and_no_third_time(world: World) -> None:
    write(world, "news")
    world.mailer.on_send = _raising(Doubtful("DATA: no answer", code="reset"))
    assert dispatch(world) == MailBatch(sent=2)
    assert dispatch(world, after=24 * 60 * MINUTE) is None
    assert state_of(world, "news") == "may_repeat"
    assert len(world.mailer.sent) == 2


def test_a_repeated_mail_stays_marked_when_its_second_copy_is_taken(world: World) -> None:
    write(world, "news")
    answers = iter([Doubtful("DATA"), None])

    def on_send(_: dict[str, str]) -> None:
        if answer := next(answers):
            raise answer

    world.mailer.on_send = on_send
    dispatch(world)
    assert state_of(world, "news") == "may_repeat"


@pytest.mark.parametrize(
    ("commit", "after"), [(1, True), (2, False)], ids=["died before sending", "died after sending"]
)
def test_a_claimed_mail_whose_sender_died_is_sent_once_more_at_most(world: World, commit: int, after: bool) -> None:
    write(world, "news")
    with pytest.raises(OperationalError), BrokenCommit(world.database, commit, after=after):
        world.run(world.mail.dispatch_mail)
    assert state_of(world, "news") == "sending"
    sent = len(world.mailer.sent)
    assert dispatch(world, after=DOUBTFUL_AFTER - timedelta(seconds=1)) is None  # the first sender may be at it still
    assert dispatch(world, after=DOUBTFUL_AFTER + timedelta(seconds=1)) == MailBatch(sent=1)
    assert state_of(world, "news") == "may_repeat"
    assert dispatch(world, after=3 * DOUBTFUL_AFTER) is None
    assert len(world.mailer.sent) == sent + 1 <= 2


def test_a_mail_that_dies_twice_with_its_sender_is_left_as_it_is(world: World) -> None:
    write(world, "news")
    for attempt in (0, 1):
        with pytest.raises(OperationalError), BrokenCommit(world.database, 2, after=False):
            world.run(world.mail.dispatch_mail, at=START + attempt * 2 * DOUBTFUL_AFTER)
    assert dispatch(world, after=24 * 60 * MINUTE) is None
    assert len(world.mailer.sent) == 2


def test_a_commit_whose_reply_was_lost_sends_nothing_twice(world: World) -> None:
    write(world, "news")
    with pytest.raises(OperationalError), BrokenCommit(world.database, 2, after=True):
        world.run(world.mail.dispatch_mail)
    assert state_of(world, "news") == "sent"
    assert dispatch(world, after=10 * MINUTE) is None
    assert len(world.mailer.sent) == 1


def test_a_mail_that_was_not_taken_comes_again_later_and_later(world: World) -> None:
    write(world, "news")
    world.mailer.on_send = _raising(NotSent("RCPT: 451"))
    due = START
    pauses = []
    for _ in range(4):
        assert world.run(world.mail.dispatch_mail, at=due) == MailBatch(sent=1)
        next_due = world.only("SELECT due_at FROM mails")["due_at"]
        pauses.append((next_due - due).total_seconds())
        due = next_due
    assert pauses == [10, 20, 40, 80]
    world.mailer.on_send = lambda _mail: None
    assert world.run(world.mail.dispatch_mail, at=due) == MailBatch(sent=1)
    assert state_of(world, "news") == "sent"  # nothing of the earlier tries had left: it is no repetition


def test_while_the_mail_servers_password_is_missing_no_mail_is_used_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(world, "news", "other news")
    with monkeypatch.context() as without:
        without.setattr(Outside, "mailer", _without_password)
        for attempt in range(4):
            with pytest.raises(MissingSecretError):
                dispatch(world, after=attempt * 2 * DOUBTFUL_AFTER)

    assert dispatch(world, after=10 * DOUBTFUL_AFTER) == MailBatch(sent=2)
    assert (state_of(world, "news"), state_of(world, "other news")) == ("sent", "sent")


def test_a_mail_that_is_refused_is_left_and_does_not_hold_up_the_next(world: World) -> None:
    write(world, "bad address", "good address")
    world.mailer.on_send = _refuse_bad
    assert dispatch(world) == MailBatch(sent=2)
    assert (state_of(world, "bad address"), state_of(world, "good address")) == ("refused", "sent")


def test_two_dispatchers_at_once_never_send_one_mail_twice(world: World) -> None:
    keys = [f"news {number}" for number in range(40)]
    write(world, *keys)
    together = Barrier(3, timeout=20)

    def dispatch_all(_: int) -> int:
        together.wait()
        batch = dispatch(world)
        return batch.sent if batch else 0

    with ThreadPoolExecutor(3) as threads:
        sent = sum(threads.map(dispatch_all, range(3)))
    assert sent == 40
    assert Counter(mail["subject"] for mail in world.mailer.sent) == Counter(keys)
    assert world.only("SELECT count(*) AS n FROM mails WHERE state = 'sent'")["n"] == 40


def _raising(error: Exception) -> Callable[[dict[str, str]], None]:
    def on_send(_: dict[str, str]) -> None:
        raise error

    return on_send


def _without_password(_: Outside) -> Mailer:
    raise MissingSecretError("SMTP_PASSWORD")


def _refuse_bad(mail: dict[str, str]) -> None:
    if mail["subject"] == "bad address":
        raise Refused("RCPT: 550", code="550")
