"""Answers over a real IMAP server: what is picked up, once, and what is put away."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import Any

import pytest

from adapters.errors import Unavailable, UnexpectedReply
from adapters.suppliers.email import imap
from adapters.suppliers.email.imap import CONTENT, HEADERS, Mailbox
from adapters.suppliers.email.picking import MOST_BYTES, Mark
from models.exchange import DocumentKind, OrderAcknowledged, OrderShipped, Unclear
from models.findings import Severity
from models.suppliers import SupplierState
from tests.adapters.mail_letters import BOUNCE, nested, written
from tests.adapters.mail_world import MailWorld, mail_world, port_to, profile


@pytest.fixture(scope="module")
def served() -> Iterator[MailWorld]:
    with mail_world() as world:
        yield world


@pytest.fixture
def world(served: MailWorld) -> MailWorld:
    served.reset()
    return served


def sent_mail(world: MailWorld, kind: DocumentKind = DocumentKind.ORDER) -> Any:
    outgoing = world.desk.find_outgoing(kind, "DW-1-11")
    assert outgoing is not None
    return message_from_bytes(outgoing.body, policy=policy.default)


def news_of(records: list[Any]) -> list[Any]:
    return [item for record in records for item in record.reading.news]


# Picking up.


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "it"])
@pytest.mark.parametrize("defect", ["", "bottom_posting", "html_only", "mojibake", "rewritten_id"])
def test_answers_are_read_as_mail_programs_write_them(world: MailWorld, language: str, defect: str) -> None:
    port = world.port()
    port.place_order(world.order())
    defects = [defect] if defect else []
    world.write_back("accepted", language=language, defects=defects)
    world.write_back("shipped", language=language, defects=defects, tracking=["GLS-0000000001", "GLS-0000000002"])
    accepted, shipped = news_of(world.round(port))
    assert isinstance(accepted, OrderAcknowledged)
    assert isinstance(shipped, OrderShipped)
    assert port.fetch_order("DW-1-11").state is SupplierState.SHIPPED


@pytest.mark.parametrize(
    ("defect", "reason"),
    [("forward", "forwarded"), ("forged", "sender_not_verified"), ("attached", "attachment")],
)
def test_answers_that_are_not_certain_become_tasks(world: MailWorld, defect: str, reason: str) -> None:
    port = world.port()
    port.place_order(world.order())
    world.write_back("accepted", defects=[defect])
    (record,) = world.round(port)
    assert [(news.reason, news.number) for news in record.reading.news if isinstance(news, Unclear)] == [
        (reason, "DW-1-11")
    ]
    assert b"confirmed" in record.incoming.body
    assert port.fetch_order("DW-1-11").state is SupplierState.SENT


def test_mails_of_others_are_left_where_they_are(world: MailWorld) -> None:
    port = world.port()
    port.place_order(world.order())
    world.deliver(written("hello", From="friend@elsewhere.example", Subject="lunch?", In_Reply_To=None))
    world.deliver(written("accepted", From="other@supplier.example", Subject="[PO:DW-7-11]", In_Reply_To=None))
    world.deliver(BOUNCE.replace("DW-1-11", "DW-7-11").format(action="failed", kind="message/rfc822").encode())
    assert world.round(port) == []
    assert len(world.folders()["INBOX"]) == 3
    world.deliver(written("accepted", From="other@thief.example"))
    assert [news.reason for news in news_of(world.round(port))] == ["unknown_sender"]
    assert len(world.folders()["INBOX"]) == 3


def test_a_mail_that_came_back_is_found_by_what_it_holds(world: MailWorld) -> None:
    port = world.port()
    port.place_order(world.order())
    world.deliver(BOUNCE.format(action="failed", kind="message/rfc822").encode())
    assert [(news.reason, news.number) for news in news_of(world.round(port))] == [("bounced", "DW-1-11")]


BARE: dict[str, Any] = {"Subject": "failure notice", "In_Reply_To": None, "Authentication_Results": None}


@pytest.mark.parametrize(
    "sender",
    ["MicrosoftExchange329e71ec@shop.example", "MAILER-DAEMON (Mail Delivery System)", "MAILER-DAEMON@mx.example"],
)
@pytest.mark.parametrize("original", [True, False])
def test_a_report_is_found_whoever_writes_it_and_with_or_without_our_mail(
    world: MailWorld, sender: str, original: bool
) -> None:
    port = world.port()
    port.place_order(world.order())
    report = BOUNCE.format(action="failed", kind="message/rfc822").replace("MAILER-DAEMON@mx.shop.example", sender)
    if not original:
        head, _, _ = report.partition("--b\nContent-Type: message/rfc822")
        report = f"{head}--b--\n"
    world.deliver(report.encode())
    number = "DW-1-11" if original else None
    assert [(news.reason, news.number) for news in news_of(world.round(port))] == [("bounced", number)]


def test_plain_words_of_a_mail_server_are_found_by_the_address_that_was_written_to(world: MailWorld) -> None:
    port = world.port()
    port.place_order(world.order())
    for address in ("orders@olmo.example", "my.orders@olmo.example", "orders@olmo.example.org"):
        mail = written(f"This is the program.\n<{address}>:\nno such user", From="MAILER-DAEMON@mx.example", **BARE)
        world.deliver(mail)
    assert [(news.reason, news.number) for news in news_of(world.round(port))] == [("bounced", None)]
    assert len(world.folders()["INBOX"]) == 2


def test_mails_are_moved_to_the_archive_or_the_error_folder(world: MailWorld) -> None:
    port = world.port()
    port.place_order(world.order())
    world.deliver(written("accepted"))
    world.deliver(nested(100))
    assert [bool(record.reading.refused) for record in world.round(port)] == [False, True]
    folders = world.folders()
    assert {name: len(uids) for name, uids in folders.items()} == {"INBOX": 0, "Sent": 0, "Archive": 1, "Errors": 1} | {
        name: len(uids) for name, uids in folders.items() if name not in ("INBOX", "Sent", "Archive", "Errors")
    }


def test_a_server_that_can_not_move_copies(world: MailWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    port = world.port()
    port.place_order(world.order())
    world.deliver(written("accepted"))
    (incoming,) = list(port.pick_up())
    mailbox = port._mailbox
    assert mailbox is not None
    monkeypatch.setattr(mailbox._connected(), "capabilities", ("IMAP4REV1", "UIDPLUS"))
    port.put_away(incoming, good=True)
    port.put_away(incoming, good=True)
    assert len(world.folders()["INBOX"]) == 0
    assert len(world.folders()["Archive"]) == 1
    port.close()


def test_mails_that_stay_are_read_once(world: MailWorld) -> None:
    port = world.port(imap={"put_away": "leave"})
    port.place_order(world.order())
    for number in range(3):
        world.deliver(written("accepted", Message_ID=f"<{number}@olmo.example>"))
    assert len(world.round(port)) == 3
    assert world.round(port) == []
    assert len(world.folders()["INBOX"]) == 3
    world.deliver(written("accepted", Message_ID="<4@olmo.example>"))
    assert len(world.round(port)) == 1


def test_a_mailbox_of_very_many_mails_is_listed_line_by_line(world: MailWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap, "MOST_LISTED", 2)
    port = world.port(imap={"put_away": "leave"})
    port.place_order(world.order())
    for number in range(5):
        world.deliver(written("accepted", Message_ID=f"<{number}@olmo.example>"))
    assert len(world.round(port)) == 5
    assert world.round(port) == []
    world.deliver(written("accepted", Message_ID="<5@olmo.example>"))
    assert [record.incoming.name for record in world.round(port)] == ["<5@olmo.example>"]


def test_a_round_that_stops_half_way_goes_on_where_it_stopped(world: MailWorld) -> None:
    port = world.port(imap={"put_away": "leave"})
    port.place_order(world.order())
    for number in range(3):
        world.deliver(written("accepted", Message_ID=f"<{number}@olmo.example>"))
    stopped = port.pick_up()
    first = next(stopped)
    world.desk.apply(first, port.read)
    port.put_away(first, good=True)
    second = next(stopped)
    world.desk.apply(second, port.read)  # kept, and not put away: the process ended here
    stopped.close()  # type: ignore[attr-defined]
    assert [record.repeats for record in world.round(world.port(imap={"put_away": "leave"}))] == [1, 0]
    assert len(world.desk.news) == 3


def test_a_renumbered_mailbox_is_read_again_and_changes_nothing(world: MailWorld) -> None:
    port = world.port(imap={"put_away": "leave"})
    port.place_order(world.order())
    world.deliver(written("accepted"))
    world.round(port)
    world.renumber()
    world.deliver(written("accepted", Message_ID="<later@olmo.example>"))
    assert [record.repeats for record in world.round(port)] == [1, 0]
    assert len(world.desk.news) == 2
    assert world.round(port) == []


def test_a_mail_that_was_renumbered_meanwhile_is_not_moved(world: MailWorld) -> None:
    port = world.port()
    port.place_order(world.order())
    world.deliver(written("accepted"))
    (incoming,) = list(port.pick_up())
    world.renumber()
    port.put_away(incoming, good=True)
    assert len(world.folders()["INBOX"]) == 1
    port.close()


@pytest.mark.parametrize("parts", [(CONTENT,), (CONTENT, HEADERS)])
def test_a_mail_that_the_server_does_not_give_out_holds_up_no_other_and_becomes_a_task(
    world: MailWorld, monkeypatch: pytest.MonkeyPatch, parts: tuple[str, ...]
) -> None:
    port = world.port()
    port.place_order(world.order())
    world.deliver(written("rejected", Message_ID="<broken@olmo.example>"))
    world.deliver(written("accepted"))
    (broken, _) = world.folders()["INBOX"]
    fetch = Mailbox.fetch

    def refusing(mailbox: Mailbox, folder: str, uid: int, part: str = CONTENT) -> bytes | None:
        if uid == broken and part in parts:
            raise UnexpectedReply("mailbox: FETCH of INBOX is refused", code="imap_refused")
        return fetch(mailbox, folder, uid, part)

    monkeypatch.setattr(Mailbox, "fetch", refusing)
    seen: list[Any] = []

    def look() -> None:
        for incoming in port.pick_up():
            world.desk.apply(incoming, port.read)
            port.put_away(incoming, good=True)
            seen.append(incoming)

    for _ in range(2):
        with pytest.raises(UnexpectedReply):
            look()
    assert [incoming.name for incoming in seen] == ["<answer-1@olmo.example>"]

    number = None if HEADERS in parts else "DW-1-11"
    assert [(news.reason, news.number) for news in news_of(world.round(port))] == [("not_fetched", number)]
    assert world.round(port) == []
    assert port.fetch_order("DW-1-11").state is SupplierState.ACKNOWLEDGED


def test_another_mail_with_the_same_message_id_is_not_believed(world: MailWorld) -> None:
    port = world.port()
    port.place_order(world.order())
    world.deliver(written("accepted"))
    world.deliver(written("rejected, out of stock"))
    first, second = world.round(port)
    assert (bool(first.reason), bool(second.reason)) == (False, True)
    assert port.fetch_order("DW-1-11").state is SupplierState.ACKNOWLEDGED


def test_of_a_mail_beyond_the_limit_only_the_headers_are_read(world: MailWorld) -> None:
    port = world.port()
    port.place_order(world.order())
    text = ("y" * 76 + "\r\n") * (MOST_BYTES // 78 + 1)
    world.deliver(written("accepted").replace(b"accepted", text.encode()))
    (record,) = world.round(port)
    assert [news.reason for news in record.reading.news] == ["too_large"]
    assert len(record.incoming.body) < 2_000
    assert len(world.folders()["INBOX"]) == 0


def test_a_large_mail_within_the_limit_is_read(world: MailWorld) -> None:
    port = world.port()
    port.place_order(world.order())
    quoted = ("> " + "y" * 70 + "\r\n") * 200_000
    world.deliver(written("accepted\n").replace(b"accepted\r\n", b"accepted\r\n" + quoted.encode()))
    (news,) = news_of(world.round(port))
    assert isinstance(news, OrderAcknowledged)


def test_a_folder_that_is_not_there_is_named_and_counts_as_silence(world: MailWorld) -> None:
    with pytest.raises(Unavailable, match="folder Missing can't be opened"):
        list(world.port(imap={"folder": "Missing"}).pick_up())
    assert [call.error for call in world.calls] == ["imap_no_folder"]
    findings = world.port(imap={"folder": "Missing"}).check([])
    assert [finding.subject for finding in findings if finding.severity is Severity.ERROR] == ["folder Missing"]


def test_a_public_providers_domain_among_the_senders_is_warned_of(world: MailWorld) -> None:
    findings = world.port(trust={"authserv_id": "mx.shop.example", "senders": ["gmail.com", "olmo.example"]}).check([])
    assert [(one.severity, one.subject) for one in findings if one.severity is not Severity.OK] == [
        (Severity.WARNING, "senders gmail.com")
    ]


def test_without_the_name_of_our_own_server_checking_warns(world: MailWorld) -> None:
    findings = world.port(trust={}).check([])
    assert [finding.subject for finding in findings if finding.severity is Severity.WARNING] == ["senders"]


def test_without_a_mailbox_nothing_is_picked_up(world: MailWorld) -> None:
    port = port_to(profile(world.app.smtp_port, None), world.desk)
    port.place_order(world.order())
    assert list(port.pick_up()) == []
    assert {finding.severity for finding in port.check([])} == {Severity.OK}


def test_a_mark_is_read_as_it_was_written() -> None:
    mark = Mark(7, 3).with_done(5).with_done(9)
    assert Mark.parse(str(mark)) == mark
    assert Mark.parse(None) == Mark()
    assert str(mark.settled([5, 6, 9])) == "7:5:9"
    assert str(mark.settled([])) == "7:9:"
