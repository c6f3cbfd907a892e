"""What an answer means: pure, from words to news."""

import pytest

from models.exchange import CancelAnswered, OrderAcknowledged, OrderReceived, OrderShipped
from models.suppliers import LineStatus, SupplierState
from tests.adapters.mail_letters import LINES, QUOTE, read, told, unclear, written


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
        "Ordine accettato, va bene.",
        "Confirmed" + QUOTE,
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
        "Der Artikel ist ausverkauft",
        "Lo sentimos, está agotado.",
        "Article épuisé, nous ne pouvons pas livrer.",
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
    assert not read(written("accepted", Subject="Re: [PO:DW-1-1\u212a]", In_Reply_To=None)).news[0].number


def test_a_suppliers_own_words_count() -> None:
    words = {"accepted": ["Wird ausgeführt"]}
    assert unclear(told("Wird ausgeführt!")) == "no_known_words"
    (news,) = read(written("Wird ausgeführt!"), words=words).news
    assert isinstance(news, OrderAcknowledged)


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


@pytest.mark.parametrize("text", ["", "\n\n", "-- \nOlmo\n", QUOTE, "Kind regards\nAna"])
def test_a_reply_without_a_word_proves_receipt_and_no_more(text: str) -> None:
    assert told(text) == OrderReceived(number="DW-1-11")
