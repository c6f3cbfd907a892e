"""Whose answer to which order, in whatever shape it comes: pure, from bytes to news."""

import time
from email import message_from_bytes
from email.policy import SMTP
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.suppliers.email.letter import UnreadableMail, decode, read_letter
from adapters.suppliers.email.quoting import reply_of
from adapters.suppliers.email.reading import control_of
from models.exchange import OrderAcknowledged, OrderReceived, Reading, Unclear
from tests.adapters.mail_letters import BOUNCE, GENUINE, OURS, QUOTE, nested, read, told, unclear, written

# Whose answer to which order.


@pytest.mark.parametrize(
    "changes",
    [
        {"To": "Shop <orders+dw-1-11@shop.example>", "Subject": "Re:", "In_Reply_To": None},
        {"Subject": "AW: [PO: DW-1-11 ]", "In_Reply_To": None},
        {"Subject": "your order", "In_Reply_To": OURS},
        {"Subject": "your order", "In_Reply_To": None, "References": f"<a@b> {OURS} <c@d>"},
        {"Subject": "Order confirmation DW-1-11", "In_Reply_To": None},
        {"Subject": "=?utf-8?q?Re=3A_=5BPO=3ADW-1-11=5D?=", "In_Reply_To": None},
        {
            "Subject": "Re: [PO:DW-1-11] a very long subject that goes on and on and is folded over several lines by then"
        },
    ],
    ids=["plus", "token", "in-reply-to", "references", "number", "encoded", "folded"],
)
def test_an_answer_finds_its_order_by_any_mark(changes: dict[str, Any]) -> None:
    news = told("accepted", **changes)
    assert isinstance(news, OrderAcknowledged)
    assert news.number == "DW-1-11"


def test_a_number_in_the_text_is_enough_and_in_the_quote_is_not() -> None:
    bare = {"Subject": "order", "In_Reply_To": None}
    assert told("DW-1-11 accepted", **bare).number == "DW-1-11"
    assert unclear(told("accepted\n\nOn Monday, Orders wrote:\n> DW-1-11", **bare)) == "no_order_named"


@pytest.mark.parametrize(
    "changes",
    [
        {"Subject": "[PO:DW-1-11] [PO:DW-2-11]"},
        {"Subject": "[PO:DW-2-11]"},
        {"To": "orders+DW-2-11@shop.example"},
    ],
)
def test_a_mail_that_names_two_orders_is_a_persons_to_read(changes: dict[str, Any]) -> None:
    news = told("accepted", **changes)
    assert (unclear(news), news.number) == ("two_orders", None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Authentication_Results": None}, "sender_not_verified"),
        ({"Authentication_Results": "mx.shop.example; dkim=fail header.d=olmo.example"}, "sender_not_verified"),
        ({"Authentication_Results": "mx.shop.example; dkim=pass header.d=thief.example"}, "sender_not_verified"),
        ({"Authentication_Results": "mx.shop.example; dkim=pass header.d=example"}, "sender_not_verified"),
        ({"Authentication_Results": "mx.shop.example; dkim=pass header.d=notolmo.example"}, "sender_not_verified"),
        ({"Authentication_Results": GENUINE.replace("mx.shop", "mx.thief")}, "sender_not_verified"),
        ({"Authentication_Results": "mx.shop.example; dkim=pass header.d"}, "sender_not_verified"),
        ({"Authentication_Results": "\x00;;;"}, "sender_not_verified"),
        ({"From": "orders@olmo.example.thief.example"}, "unknown_sender"),
        ({"From": "a@olmo.example, b@thief.example"}, "two_senders"),
        ({"From": None}, "no_sender"),
        ({"From": '"orders@olmo.example" <thief@evil.example>'}, "unknown_sender"),
    ],
)
def test_a_forged_sender_is_not_believed(changes: dict[str, Any], reason: str) -> None:
    news = told("accepted", **changes)
    assert (unclear(news), news.number) == (reason, "DW-1-11")


def test_only_the_topmost_results_of_our_own_server_count() -> None:
    forged = b"Authentication-Results: mx.shop.example; dkim=none\r\n" + written("accepted")
    assert unclear(read(forged).news[0]) == "sender_not_verified"
    relayed = b"Authentication-Results: mx.other.example; dkim=none\r\n" + written("accepted")
    assert isinstance(read(relayed).news[0], OrderAcknowledged)


@pytest.mark.parametrize(
    "ours",
    [
        b"mx.shop.example; spf=none smtp.mailfrom=<>; dkim=none (x",
        b'mx.shop.example; spf=pass smtp.mailfrom=a=b/c"d@thief.example',
        b'(added) "MX.shop.example" ; spf=pass smtp.mailfrom=a=b/c"d@thief.example',
        b"(added (by; spf=pass smtp.mailfrom=thief.example",
    ],
)
def test_results_that_a_sender_has_made_unreadable_let_in_none_that_it_brought(ours: bytes) -> None:
    forged = b"Authentication-Results: " + ours + b"\r\n" + written("accepted")
    assert unclear(read(forged).news[0]) == "sender_not_verified"


@pytest.mark.parametrize("domain", ["gmail.com", "yahoo.co.uk", "163.com"])
def test_at_a_public_provider_only_the_suppliers_own_address_is_the_suppliers(domain: str) -> None:
    def news(sender: str) -> Any:
        results = f"mx.shop.example; dkim=pass header.d={domain}"
        mail = written("accepted", From=f"{sender}@{domain}", Authentication_Results=results)
        return read(mail, to=f"Olmo.Orders@{domain}").news[0]

    assert isinstance(news("olmo.orders"), OrderAcknowledged)
    assert unclear(news("anybody")) == "unknown_sender"


@pytest.mark.parametrize(
    "results",
    [
        "MX.shop.example; dkim=pass header.d=olmo.example",
        "mx.shop.example; spf=pass (ok) smtp.mailfrom=bounce@mail.olmo.example",
        "mx.shop.example; dmarc=pass header.from=olmo.example",
        "mx.shop.example;\r\n dkim=fail header.d=olmo.example;\r\n spf=pass smtp.mailfrom=olmo.example",
    ],
)
def test_any_method_that_shows_the_suppliers_domain_is_enough(results: str) -> None:
    mail = f"Authentication-Results: {results}\r\n".encode() + written("accepted", Authentication_Results=None)
    assert isinstance(read(mail).news[0], OrderAcknowledged)


def test_who_is_allow_listed_needs_no_proof() -> None:
    mail = written("accepted", From="Ana <ana@gmail.example>", Authentication_Results=None)
    assert unclear(read(mail).news[0]) == "unknown_sender"
    assert isinstance(read(mail, trust={"allow_listed": ["ana@gmail.example"]}).news[0], OrderAcknowledged)


def test_without_the_name_of_our_own_server_nobody_is_believed() -> None:
    assert unclear(read(written("accepted"), trust={}).news[0]) == "sender_not_verified"


# Shapes of mails.


@pytest.mark.parametrize(
    "html",
    [
        "<p>Accepted.</p><blockquote>rejected?</blockquote>",
        "<div>Accepted.</div><div class='gmail_quote'>rejected?</div>",
        "<div>Accepted.</div><blockquote style='margin:0' type='cite'>rejected?</blockquote>",
        "<div>Accepted.</div><blockquote style='BORDER-LEFT: #ccc 1px SOLID'>rejected?</blockquote>",
        "<div>Accepted.</div><div id='appendonsend'></div><hr><div>From: us<br>rejected?</div>",
        "<style>p{}</style><p style='DISPLAY : none'>rejected</p><p>Accepted<br></p><script>rejected</script>",
        "<html><body><table><tr><td>Accepted</td></tr></table>",
    ],
)
def test_a_mail_of_html_only_is_read_as_it_is_shown(html: str) -> None:
    mail = written("x").replace(b"text/plain", b"text/html").replace(b"\r\n\r\nx", b"\r\n\r\n" + html.encode())
    assert isinstance(read(mail).news[0], OrderAcknowledged)


@pytest.mark.parametrize(
    "look",
    [
        "style='margin:0 0 0 40px;border:none;padding:0px'",
        "class='gmail_quote' style='margin:0 0 0 40px;border:none;padding:0px'",
        "style='margin-top:0;margin-bottom:0'",
    ],
)
def test_a_paragraph_that_is_set_in_is_no_quote(look: str) -> None:
    html = f"<p>Accepted.</p><blockquote {look}>The table is sold out</blockquote>"
    mail = written("x").replace(b"text/plain", b"text/html").replace(b"\r\n\r\nx", b"\r\n\r\n" + html.encode())
    assert unclear(read(mail).news[0]) == "contradictory"


@pytest.mark.parametrize(("text", "reason"), [("", "attachment"), ("Kind regards\nAna", "attachment")])
def test_an_answer_in_a_picture_is_a_persons_to_read(text: str, reason: str) -> None:
    mail = message_from_bytes(written(text), policy=SMTP)
    mail.make_mixed()
    mail.add_attachment(b"\xff\xd8 stamped", "image", "jpeg", disposition="inline", filename="IMG_1.jpg")
    assert unclear(read(mail.as_bytes()).news[0]) == reason


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("<img src='https://olmo.example/rejected.png'>", "attachment"),
        ("<style>p{}</style><svg><text>Rejected</text></svg>", "attachment"),
        ("<p><s>Accepted</s></p>", "other_words"),
        ("<p><del>not</del> accepted</p>", "negated"),
    ],
)
def test_a_page_that_shows_more_than_its_words_is_a_persons_to_read(html: str, reason: str) -> None:
    mail = written("x").replace(b"text/plain", b"text/html").replace(b"\r\n\r\nx", b"\r\n\r\n" + html.encode())
    assert unclear(read(mail).news[0]) == reason


def test_a_page_that_is_too_deep_is_refused_and_none_of_it_left_out() -> None:
    html = b"Accepted" + b"<div>" * 3_000 + b", not all" + b"</div>" * 3_000
    mail = written("x").replace(b"text/plain", b"text/html").replace(b"\r\n\r\nx", b"\r\n\r\n" + html)
    assert read(mail).refused == "no_mail_RecursionError"


def test_a_page_without_a_word_proves_receipt_and_no_more() -> None:
    html = b"<html><head><title>Re: order</title></head><body><div>&nbsp;<br></div></body></html>"
    mail = written("x").replace(b"text/plain", b"text/html").replace(b"\r\n\r\nx", b"\r\n\r\n" + html)
    assert read(mail).news == (OrderReceived(number="DW-1-11"),)


@pytest.mark.parametrize("kind", ["pkcs7-signature", "pgp-signature"])
def test_a_signed_mail_is_read_like_any(kind: str) -> None:
    mail = message_from_bytes(written("accepted"), policy=SMTP)
    mail.make_mixed()
    mail.add_attachment(b"0\x82 signature", "application", kind, filename="smime.p7s")
    assert isinstance(read(mail.as_bytes()).news[0], OrderAcknowledged)


@pytest.mark.parametrize(
    "text",
    [
        "accepted\n\nAm 02.03.2026 um 10:00 schrieb Orders <orders@shop.example>:\n> rejected",
        "accepted\n\nEl lun, 2 mar 2026 a las 10:00, Orders\n<orders@shop.example> escribió:\n\n> rejected",
        "accepted\n\nLe lun. 2 mars 2026 à 10:00, Orders a écrit :\n> rejected",
        "accepted\n\nIl giorno lun 2 mar 2026 Orders ha scritto:\n> rejected",
        "accepted\n\n-----Ursprüngliche Nachricht-----\nVon: Shop\nrejected",
        "accepted\n\nVon: Shop <a@b>\nGesendet: Montag\nAn: Olmo\nrejected",
        "accepted\n________________________________\nFrom: Shop <a@b>\nSent: Monday\nTo: Olmo\nrejected",
        "accepted\n\nFrom: Shop <a@b>\nSent: Monday\nTo: Olmo\n\n> earlier\nrejected\n\nsold out",
        "accepted\n________________________________\nOlmo S.L., no liability is accepted",
        "On Monday, Shop wrote:\n> rejected\n\naccepted",
        "> rejected\n\naccepted\n-- \nOlmo",
        "accepted\n\n> rejected\n\nThis mail was checked.",
    ],
)
def test_only_what_was_written_in_answer_counts(text: str) -> None:
    assert reply_of(text) == "accepted"


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        ("bestätigt".encode(), "iso-8859-1"),
        ("bestätigt".encode("cp1252"), "utf-8"),
        ("bestätigt".encode(), "x-unknown"),
        ("bestätigt".encode("cp1252"), ""),
        ("bestätigt".encode().decode("cp1252").encode(), "utf-8"),
        ("bestätigt".encode("utf-16"), "utf-16"),
    ],
)
def test_a_wrong_charset_does_not_hide_what_is_said(data: bytes, declared: str) -> None:
    assert decode(data, declared).strip("\ufeff") == "bestätigt"


@pytest.mark.parametrize("subject", ["Fwd: [PO:DW-1-11]", "WG: [PO:DW-1-11]", "TR: [PO:DW-1-11]"])
def test_a_forwarded_mail_is_a_persons_to_read(subject: str) -> None:
    assert unclear(told("accepted", Subject=subject)) == "forwarded"


@pytest.mark.parametrize(
    "changes",
    [{"Auto_Submitted": "auto-replied"}, {"Subject": "Out of office: [PO:DW-1-11]"}, {"X_Autoreply": "yes"}],
)
def test_an_absence_note_proves_receipt_and_no_more(changes: dict[str, Any]) -> None:
    assert told("I am away until 2026-03-12. accepted", **changes) == OrderReceived(number="DW-1-11")
    assert read(written("away", **changes, Authentication_Results=None)).news == ()


@pytest.mark.parametrize("text", ["Your order is rejected.", "Your order is confirmed."])
def test_a_plain_answer_that_calls_itself_automatic_is_a_persons_to_read(text: str) -> None:
    assert unclear(told(text, Auto_Submitted="auto-replied")) == "automatic"


@pytest.mark.parametrize("answers", ["Re", "AW"])
def test_whoever_answers_an_absence_note_is_there(answers: str) -> None:
    news = told("Sorry, we are out of stock.", Subject=f"{answers}: Automatic reply: [PO:DW-1-11]")
    assert isinstance(news, OrderAcknowledged)


def test_a_program_that_answers_is_read_like_anybody() -> None:
    assert isinstance(told("Your order is confirmed.", Auto_Submitted="auto-generated"), OrderAcknowledged)


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
def test_a_mail_that_came_back_is_a_persons_to_read(kind: str) -> None:
    (news,) = read(BOUNCE.format(action="failed", kind=kind).encode()).news
    assert news == Unclear(number="DW-1-11", reason="bounced", detail="status 5.1.1")


@pytest.mark.parametrize("action", ["", "of some other kind"])
def test_a_report_that_says_nothing_known_is_a_persons_to_read(action: str) -> None:
    assert unclear(read(BOUNCE.format(action=action, kind="message/rfc822").encode()).news[0]) == "bounced"


@pytest.mark.parametrize("changes", [{}, {"Auto_Submitted": "auto-replied"}, {"Subject": "failure notice"}])
def test_a_mail_that_came_back_in_plain_words_is_not_taken_for_an_absence_note(changes: dict[str, Any]) -> None:
    headers = {"From": "MAILER-DAEMON@mx.shop.example", "Subject": "Undelivered", "In_Reply_To": None} | changes
    news = told("This is the program at olmo.example.\n\n--- Below is a copy of the mail.\n> DW-1-11", **headers)
    assert news == Unclear(number="DW-1-11", reason="bounced")


def test_a_mail_that_is_late_is_nobodys_concern() -> None:
    assert read(BOUNCE.format(action="delayed", kind="message/rfc822").encode()).news == ()


# What somebody made to break us.


@pytest.mark.parametrize("depth", [100, 5_000])
def test_a_bomb_of_nested_parts_is_refused(depth: int) -> None:
    assert read(nested(depth)).refused == "too_many_parts"


def test_a_few_nested_parts_are_read() -> None:
    assert isinstance(read(nested(10)).news[0], OrderAcknowledged)


@pytest.mark.parametrize(
    "text", ["a@" * 100_000 + " x", "<div>" * 40_000, "On a\n" * 40_000, "DW-A-" * 40_000, ">" * 200_000]
)
def test_a_text_made_to_take_long_does_not(text: str) -> None:
    for kind in (b"text/plain", b"text/html"):
        mail = written("x").replace(b"text/plain", kind).replace(b"\r\n\r\nx", b"\r\n\r\n" + text.encode())
        began = time.monotonic()
        read(mail)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["Authentication-Results", "From", "Subject", "References", "Content-Type", "Date"])
@pytest.mark.parametrize(
    "value", ["(" * 200_000, '"' * 200_000, "<" * 200_000, "=?utf-8?q?" * 20_000, "a\r\n " * 50_000]
)
def test_no_header_breaks_its_reader(name: str, value: str) -> None:
    mail = f"{name}: {value}\r\n".encode() + written("accepted")
    reading = read(mail)
    assert reading.refused or len(reading.news) == 1


def test_a_mail_without_headers_is_refused() -> None:
    assert read(b"accepted").refused == "no_headers"


def test_too_large_a_mail_is_a_persons_to_read() -> None:
    mail = b"X-Dropwright-Truncated: 23000000\r\n" + written()
    assert unclear(read(mail).news[0]) == "too_large"


def test_header_lines_in_encoded_words_stay_in_their_header() -> None:
    subject = "=?utf-8?q?=5BPO=3ADW-1-11=5D=0D=0AFrom=3A_orders=40olmo.example?="
    letter = read_letter(written(Subject=None, From=None).replace(b"To:", f"Subject: {subject}\r\nTo:".encode(), 1))
    assert letter.senders == ()
    assert "\n" not in letter.subject


def test_a_message_id_is_a_number_of_its_own() -> None:
    first, second = read(written("accepted")), read(written("rejected"))
    assert first.control == second.control == control_of("<answer-1@olmo.example>")
    assert read(written(Message_ID=None)).control is None
    assert isinstance(read(written(Message_ID=None)).news[0], OrderAcknowledged)


def test_nothing_that_was_written_is_in_what_is_told() -> None:
    news = told("Please call Zaphyra on 600 111 222?", Subject="[PO:DW-1-11] Zaphyra")
    assert "aphyra" not in news.model_dump_json()


@settings(max_examples=300)
@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert isinstance(read(body), Reading)


@settings(max_examples=200)
@given(st.data())
def test_a_mutated_mail_never_raises_and_names_no_other_order(data: st.DataObject) -> None:
    body = bytearray(written("accepted" + QUOTE))
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(body) - 1))
        body[position : position + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=4))
        if not body:
            break
    reading = read(bytes(body))
    assert len(reading.news) <= 1


@given(st.text(max_size=200))
def test_any_words_get_one_verdict(text: str) -> None:
    try:
        reading = read(written(text))
    except UnicodeEncodeError:
        return
    assert reading.refused or len(reading.news) == 1


def test_unreadable_is_a_code() -> None:
    with pytest.raises(UnreadableMail, match="no_headers"):
        read_letter(b"")
