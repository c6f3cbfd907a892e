"""What an answer means: pure, from words to news."""

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.suppliers.email.classify import classify
from adapters.suppliers.email.reading import read_mail
from adapters.suppliers.email.words import PHRASES
from models.exchange import CancelAnswered, OrderAcknowledged, OrderReceived, OrderShipped
from models.suppliers import LineStatus, SupplierState
from tests.adapters.mail_letters import LINES, QUOTE, configured, read, told, unclear, written


@pytest.mark.parametrize(
    "text",
    [
        "Accepted.",
        "Hello,\n\nyour order is confirmed.\n\nKind regards\nAna\nTel 600 111 222",
        "OK",
        "Wir bestätigen Ihre Bestellung.\n\nMit freundlichen Grüßen\nOlmo GmbH, 10115 Berlin",
        "Pedido aceptado, gracias.\n\nUn saludo",
        "Commande confirmée.",
        "D’accord, nous confirmons votre commande DW-1-11.",
        "Ordine accettato, va bene.\nInviato da iPhone",
        "Confirmed.\nSent from Outlook for iOS",
        "Sì, confermato.",
        "Confirmed" + QUOTE,
        "Sehr geehrter Herr Olmo,\nhiermit bestätigen wir Ihre Bestellung.",
        "Bonjour Jean !\nCommande confirmée.",
        "Hello all,\nconfirmed.",
        "Dear John Smith,\nthank you, we confirm your order.\n\nAna Olmo\nOlmo GmbH",
    ],
)
def test_an_acceptance_is_read_in_five_languages(text: str) -> None:
    news = told(text)
    assert isinstance(news, OrderAcknowledged)
    assert (news.number, news.state, news.lines, news.changes_only) == (
        "DW-1-11",
        SupplierState.ACKNOWLEDGED,
        (),
        True,
    )


@pytest.mark.parametrize(
    "text",
    [
        "Sorry, we are out of stock.",
        "We cannot deliver this order.",
        "Leider nicht lieferbar.",
        "Die Ware ist ausverkauft",
        "Lo sentimos, está agotado.",
        "Tout est épuisé, nous ne pouvons pas livrer.",
        "Purtroppo non disponibile.",
    ],
)
def test_a_refusal_is_read_in_five_languages(text: str) -> None:
    news = told(text)
    assert isinstance(news, OrderAcknowledged)
    assert news.state is SupplierState.CANCELLED


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Not available until 2026-03-12.", "2026-03-12"),
        ("Erst wieder lieferbar ab 12.03.2026", "2026-03-12"),
        ("Lieferbar ab 12.3.", "2026-03-12"),
        ("Verfügbar ab 5. Januar", "2027-01-05"),
        ("Disponible a partir del 12 de marzo de 2026", "2026-03-12"),
        ("Disponible à partir du 12 mars 2026", "2026-03-12"),
        ("Disponibile dal 12/03/26", "2026-03-12"),
        ("Backordered, available from March 12th, 2026", "2026-03-12"),
    ],
)
def test_a_backorder_names_its_day_for_every_line(text: str, day: str) -> None:
    news = told(text)
    assert isinstance(news, OrderAcknowledged)
    assert [(line.ean, line.quantity, line.status, str(line.expected_on)) for line in news.lines] == [
        (line.ean, line.quantity, LineStatus.BACKORDERED, day) for line in LINES
    ]


def test_an_acceptance_with_a_day_to_come_keeps_it() -> None:
    news = told("Confirmed on 02.03.2026, delivery on 12.03.2026.")
    assert isinstance(news, OrderAcknowledged)
    assert {(line.status, str(line.expected_on)) for line in news.lines} == {(LineStatus.ACCEPTED, "2026-03-12")}


def test_days_are_read_as_the_supplier_writes_them() -> None:
    mail = written("Not available until 03/12/2026")
    assert "2026-12-03" in read(mail).model_dump_json()
    assert "2026-03-12" in read(mail, date_order="mdy").model_dump_json()


@pytest.mark.parametrize(
    ("text", "trackings", "carrier"),
    [
        ("Your order was shipped with GLS, tracking number GLS-0000000001.", ["GLS-0000000001"], "GLS"),
        ("Versandt mit DHL. Sendungsnummer: 00340434161094042557", ["00340434161094042557"], "DHL"),
        ("Enviado, seguimiento: 1234567890, 1234567891", ["1234567890", "1234567891"], ""),
        ("Expédié ! Numéro de suivi : 6A12345678901", ["6A12345678901"], ""),
        ("Spedito con BRT, tracking 084012345678 e 084012345679", ["084012345678", "084012345679"], "BRT"),
        ("Hi,\n\nthe parcel has left today by UPS. Tracking: 1Z99999999\n\nOlmo", ["1Z99999999"], "UPS"),
    ],
)
def test_a_shipment_names_its_parcels(text: str, trackings: list[str], carrier: str) -> None:
    news = told(text)
    assert isinstance(news, OrderShipped)
    assert [parcel.tracking_number for parcel in news.parcels] == trackings
    assert {parcel.carrier for parcel in news.parcels} == {carrier}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Accepted, but only 1 piece.", "condition"),
        ("Confirmed, price is 4.10 now", "condition"),
        ("Confirmed 1 of 2", "numbers"),
        ("4006381333931 is out of stock", "numbers"),
        ("1 Artikel nicht lieferbar", "numbers"),
        ("We have not cancelled your order", "negated"),
        ("Not accepted", "negated"),
        ("Accepted. Rejected.", "contradictory"),
        ("Accepted, not available until 2026-03-12", "contradictory"),
        ("It is delayed", "no_day"),
        ("Available from 2026-03-12 or from 2026-04-12", "two_days"),
        ("Not available until 31.02.2026", "no_such_day"),
        ("Your order was shipped", "shipped_without_tracking"),
        ("Which colour do you want?", "question"),
        ("Please confirm the address", "question"),
        ("Danke, wird geprüft", "condition"),
        ("Vielen Dank für Ihre Nachricht", "no_known_words"),
        ("Tel. 600 111 222", "no_known_words"),
        ("Rejected 1 piece, call tel 600 111 222", "condition"),
        ("Accepted if paid in advance", "condition"),
        ("word " * 200 + "accepted", "too_long"),
        ("Wir liefern Ersatz statt dessen, bestätigt", "condition"),
        ("OK, our warehouse looks into it and somebody comes back to you", "no_known_words"),
        ("We have received your order, it will be confirmed tomorrow", "condition"),
        ("Ihre Bestellung wird bestätigt, sobald möglich", "condition"),
        ("Please send the confirmed address", "condition"),
        ("We are unable to reach you", "no_known_words"),
        ("We cannot deliver before Monday", "not_final"),
        ("Currently out of stock", "not_final"),
        ("Derzeit nicht lieferbar", "not_final"),
        ("Out of stock, next delivery 2026-03-12", "not_final"),
        ("No longer out of stock", "negated"),
        ("The previous order was cancelled", "condition"),
        ("The first article is confirmed", "condition"),
        ("Pas de problème, commande confirmée", "negated"),
        ("Il pagamento non è confermato", "negated"),
        ("Your order wasn't accepted", "negated"),
        ("Your order hasn`t been confirmed", "negated"),
        ("Die Bestellung wurde niemals bestätigt", "negated"),
        ("El pedido jamás fue confirmado", "negated"),
        ("La commande n'est acceptée", "negated"),
        ("Rien accepté", "negated"),
        ("Accettato senza la sedia", "negated"),
        ("We confirm the cancellation of your order", "other_words"),
        ("Wir bestätigen die Stornierung Ihrer Bestellung", "other_words"),
        ("Confirmamos la anulación de su pedido", "other_words"),
        ("Nous confirmons l'annulation de votre commande", "other_words"),
        ("Confermiamo l'annullamento del vostro ordine", "other_words"),
        ("Wir bestätigen den Eingang Ihrer Bestellung", "other_words"),
        ("Accepted once payment is received", "other_words"),
        ("Accepted apart from the chair", "other_words"),
        ("Bestätigt bis auf den Stuhl", "other_words"),
        ("Accepted:\n\nBlue Chair", "other_words"),
        ("Out of stock, back next week", "not_final"),
        ("Agotado, llega la próxima semana", "not_final"),
        ("Rupture de stock, réassort la semaine prochaine", "not_final"),
        ("The chair is out of stock", "other_words"),
        ("Accepted.\nPhone case is sold out.", "contradictory"),
        ("Accepted.\nE-mail cover blue: sold out.", "contradictory"),
        ("Accepted\nTel 600 111 222\n1/2", "numbers"),
        ("accepted\n\nBest regards\nAna\n\nPS: the table comes in March", "other_words"),
        ("accepted\n\nUn saludo\nAna\nP.D.\nFalta la mesa", "other_words"),
        ("accepted\n\nKind regards\nAna\nThe table is sold out", "contradictory"),
        ("accepted\n--\nArticle B: sold out", "contradictory"),
        ("accepted\n____________________\nArticle B: sold out", "contradictory"),
        ("Accepted.\n> chair\n> table\nTable is missing", "other_words"),
        ("Accepted.\n> chair\n> table\n\nThe table is sold out", "contradictory"),
        ("Bestätigt.\n\nVorkasse", "other_words"),
        ("Bestätigt.\n\nLieferverzug\nOlmo GmbH", "other_words"),
        ("Confirmed.\n\nPrepayment Required", "other_words"),
        ("Confirmado si queda todo", "other_words"),
        ("Unfortunately your order was accepted", "contradictory"),
        ("Hi Bob chair is missing.\nOrder confirmed.", "other_words"),
        ("Was this order confirmed by you", "question"),
        ("Ist die Bestellung bestätigt", "question"),
        ("Ein Artikel bestätigt", "condition"),
        ("Un article est épuisé", "condition"),
        ("Des articles sont épuisés", "condition"),
        ("Many items are out of stock", "condition"),
        ("The article is out of stock", "one_article"),
        ("Der Artikel ist ausverkauft", "one_article"),
        ("El artículo está agotado", "one_article"),
        ("Accepted 3/5", "numbers"),
        ("Accepted: 2-3", "numbers"),
        ("Confirmed 1 set", "numbers"),
        ("Confirmed 👎", "negated"),
        ("The chair has shipped with GLS. Tracking number: 12345678901. The table follows", "other_words"),
        ("Chair shipped, tracking number: 12345678901", "other_words"),
        ("Inviato da Milano con BRT, tracking: 084012345678", "other_words"),
    ],
)
def test_what_is_not_certain_is_a_persons_to_read(text: str, reason: str) -> None:
    assert unclear(told(text)) == reason


@pytest.mark.parametrize("above", ["", "Accepted.\n\nOn Mon, 2 Mar 2026, Orders <orders@shop.example> wrote:\n"])
def test_what_stands_between_quoted_lines_is_part_of_the_answer(above: str) -> None:
    text = f"{above}> 2 x 4006381333931\nThe second one we cannot deliver.\n> 1 x 4006381333948\n"
    assert unclear(told(text)) == "condition"


def test_a_refusal_between_quoted_lines_is_no_reply_without_a_word() -> None:
    news = told("> Purchase order DW-1-11\nSorry, we are out of stock.\n> 1 x 4006381333948\n")
    assert isinstance(news, OrderAcknowledged)
    assert news.state is SupplierState.CANCELLED


def test_letters_that_only_look_like_ours_make_no_number() -> None:
    assert unclear(told("Shipped, tracking number 1234567\u212a89")) == "numbers"
    assert unclear(told("accepted", Subject="Re: [PO:DW-1-1\u212a]", In_Reply_To=None)) == "no_order_named"


def test_a_suppliers_own_words_count() -> None:
    words = {"accepted": ["Wird ausgeführt"]}
    assert unclear(told("Wird ausgeführt!")) == "no_known_words"
    (news,) = read(written("Wird ausgeführt!"), words=words).news
    assert isinstance(news, OrderAcknowledged)


# What makes a sentence of a phrase.
WHOLE = {"backordered": " 12.03.2026", "shipped": ", tracking 12345678901"}
MEANS = {"agreed": "accepted"}
ANSWERS = ("accepted", "agreed", "rejected", "backordered", "shipped", "cancelled", "too_late", "attached")


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_phrase_of_the_table_means_what_it_is_listed_for(kind: str) -> None:
    phrases = [phrase.replace("*", "") for listed in PHRASES[kind].values() for phrase in listed.split(", ")]
    cancelling = kind in ("cancelled", "too_late")
    meant = {
        phrase: classify(
            phrase + WHOLE.get(kind, ""),
            profile=configured(),
            written_at=datetime(2026, 3, 2, tzinfo=UTC),
            cancelling=cancelling,
        ).meaning
        for phrase in phrases
    }
    assert meant == dict.fromkeys(phrases, MEANS.get(kind, kind))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cancelled.", True),
        ("Storniert.", True),
        ("Too late, already shipped", False),
        ("Ya está enviado", False),
        ("We confirm your order", None),
        ("We have not cancelled it", None),
        ("Cancelled? No idea", None),
        ("The chair is cancelled", None),
    ],
)
def test_an_answer_to_a_cancellation_is_read_as_one(text: str, expected: bool | None) -> None:
    news = told(text, In_Reply_To="<cancel.DW-1-11.8.olmo@shop.example>")
    if expected is None:
        assert unclear(news) == "cancellation_answer"
    else:
        assert news == CancelAnswered(number="DW-1-11", cancelled=expected)


def test_parcels_that_are_named_when_it_is_too_late_to_cancel_are_kept() -> None:
    cancelling: dict[str, Any] = {"In_Reply_To": "<cancel.DW-1-11.8.olmo@shop.example>"}
    late, shipped = read(written("Too late, already shipped with GLS. Tracking: 12345678901", **cancelling)).news
    assert late == CancelAnswered(number="DW-1-11", cancelled=False)
    assert isinstance(shipped, OrderShipped)
    assert [(parcel.tracking_number, parcel.carrier) for parcel in shipped.parcels] == [("12345678901", "GLS")]

    in_part = "Too late, the chair has shipped. Tracking: 12345678901"
    assert unclear(told(in_part, **cancelling)) == "cancellation_answer"


def test_of_an_order_for_one_article_it_is_known_which_is_meant() -> None:
    mail = written("The article is out of stock")
    one = read_mail(mail, profile=configured(), lines_of=lambda _: LINES[:1], order_mail_of=lambda _: b"")
    assert [type(news) for news in one.news] == [OrderAcknowledged]


def test_a_word_of_thanks_above_an_answer_closes_nothing() -> None:
    assert told("Cheers!\nWe cannot deliver.").state is SupplierState.CANCELLED


@pytest.mark.parametrize("text", ["", "\n\n", "-- \nOlmo\n", QUOTE, "Kind regards\nAna"])
def test_a_reply_without_a_word_proves_receipt_and_no_more(text: str) -> None:
    assert told(text) == OrderReceived(number="DW-1-11")
