"""What a supplier writes back, in five languages, and the defects its mail programs add."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

SUPPLIER = "orders@olmo.example"
AUTHSERV_ID = "mx.shop.example"
TEXTS: dict[str, dict[str, str]] = {
    "accepted": {
        "en": "Hello,\n\nyour order is confirmed.",
        "de": "Guten Tag,\n\nwir bestätigen Ihre Bestellung.",
        "es": "Hola,\n\nsu pedido está confirmado.",
        "fr": "Bonjour,\n\nvotre commande est confirmée.",
        "it": "Buongiorno,\n\nil vostro ordine è confermato.",
    },
    "rejected": {
        "en": "Sorry, we are out of stock.",
        "de": "Leider ist die Ware ausverkauft.",
        "es": "Lo sentimos, está todo agotado.",
        "fr": "Désolé, tout est épuisé.",
        "it": "Ci dispiace, è tutto esaurito.",
    },
    "backordered": {
        "en": "Not available until {date}.",
        "de": "Die Ware ist erst wieder lieferbar ab {date}.",
        "es": "Disponible a partir del {date}.",
        "fr": "Disponible à partir du {date}.",
        "it": "Disponibile dal {date}.",
    },
    "shipped": {
        "en": "Your order was shipped with {carrier}, tracking number {tracking}.",
        "de": "Die Ware wurde mit {carrier} versandt, Sendungsnummer: {tracking}.",
        "es": "Pedido enviado con {carrier}, seguimiento: {tracking}.",
        "fr": "Commande expédiée par {carrier}, suivi : {tracking}.",
        "it": "Ordine spedito con {carrier}, tracking: {tracking}.",
    },
    "cancelled": {
        "en": "The order is cancelled.",
        "de": "Die Bestellung ist storniert.",
        "es": "El pedido está anulado.",
        "fr": "La commande est annulée.",
        "it": "L'ordine è annullato.",
    },
    "too_late": {
        "en": "Too late, it was already shipped.",
        "de": "Zu spät, sie wurde bereits verschickt.",
        "es": "Demasiado tarde, ya está enviado.",
        "fr": "Trop tard, elle est déjà expédiée.",
        "it": "Troppo tardi, è già spedito.",
    },
    "question": {
        "en": "Which colour do you want?",
        "de": "Welche Farbe soll es sein?",
        "es": "¿Qué color quieren?",
        "fr": "Quelle couleur voulez-vous ?",
        "it": "Che colore volete?",
    },
}
ATTRIBUTIONS = {
    "en": "On Mon, 2 Mar 2026 at 10:00, Orders <{to}> wrote:",
    "de": "Am 02.03.2026 um 10:00 schrieb Orders <{to}>:",
    "es": "El lun, 2 mar 2026 a las 10:00, Orders <{to}> escribió:",
    "fr": "Le lun. 2 mars 2026 à 10:00, Orders <{to}> a écrit :",
    "it": "Il giorno lun 2 mar 2026 alle 10:00 Orders <{to}> ha scritto:",
}
SIGNATURE = "-- \nOlmo S.L.\nTel. +34 600 111 222"


def write_text(say: str, *, language: str = "en", **facts: str) -> str:
    """Word an answer; what is none of ours is said as it stands."""
    return TEXTS.get(say, {}).get(language, say).format(**{"carrier": "GLS", "date": "2026-05-04", **facts})


def answer(order_mail: EmailMessage, text: str, *, language: str = "en", defects: Sequence[str] = ()) -> bytes:
    """Answer a mail as a person would, with the defects of the program that is used; returns it as delivered."""
    to = str(order_mail["Reply-To"] or order_mail["From"])
    quoted = _quoted(order_mail)
    attribution = ATTRIBUTIONS[language].format(to=to)
    if "bottom_posting" in defects:
        body = f"{attribution}\n{quoted}\n\n{text}\n"
    else:
        body = f"{text}\n\n{SIGNATURE}\n\n{attribution}\n{quoted}\n"
    mail = _headed(order_mail, to, forwarded="forward" in defects)
    if "html_only" in defects:
        mail.set_content(_as_html(text, attribution, quoted), subtype="html")
    else:
        mail.set_content(body)
    for name, spoil in SPOILERS.items():
        if name in defects:
            spoil(mail)
    content = mail.as_bytes()
    return _mojibake(content, body) if "mojibake" in defects else content


def _headed(order_mail: EmailMessage, to: str, *, forwarded: bool) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["Authentication-Results"] = (
        f"{AUTHSERV_ID}; dkim=pass (2048-bit key) header.d=olmo.example; spf=pass smtp.mailfrom={SUPPLIER}"
    )
    mail["From"] = Address("Olmo Orders", addr_spec=SUPPLIER)
    mail["To"] = to
    mail["Subject"] = f"{'Fwd' if forwarded else 'Re'}: {order_mail['Subject']}"
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{uuid4().hex}@olmo.example>"
    if not forwarded:
        mail["In-Reply-To"] = mail["References"] = str(order_mail["Message-ID"])
    return mail


def _rewritten_id(mail: EmailMessage) -> None:
    """Refer to an id that a relay on the way gave to our mail."""
    for name in ("In-Reply-To", "References"):
        mail.replace_header(name, "<20260302.1234@relay.example>")


def _without_token(mail: EmailMessage) -> None:
    mail.replace_header("Subject", re.sub(r"\[PO:[^]]*\]\s*|DW-\S+", "", str(mail["Subject"])))


def _forged(mail: EmailMessage) -> None:
    del mail["Authentication-Results"]
    mail["Authentication-Results"] = f"{AUTHSERV_ID}; dkim=none; spf=fail smtp.mailfrom=thief.example"
    mail["Authentication-Results"] = "mx.thief.example; dkim=pass header.d=olmo.example"


def _absent(mail: EmailMessage) -> None:
    mail["Auto-Submitted"] = "auto-replied"


def _attached(mail: EmailMessage) -> None:
    mail.add_attachment(b"%PDF-1.4 confirmation", maintype="application", subtype="pdf", filename="confirmation.pdf")


def _without_id(mail: EmailMessage) -> None:
    del mail["Message-ID"]


SPOILERS: dict[str, Callable[[EmailMessage], Any]] = {
    "rewritten_id": _rewritten_id,
    "no_token": _without_token,
    "no_message_id": _without_id,
    "forged": _forged,
    "auto_replied": _absent,
    "attached": _attached,
}


def _mojibake(content: bytes, body: str) -> bytes:
    """Send UTF-8 that was taken for cp1252 once, and declared as Latin-1."""
    head, _, _ = content.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-", b"mime-", b" charset"))]
    declared = b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit"
    twice = body.encode().decode("cp1252", "ignore").encode()
    return b"\r\n".join([*kept, declared, b"", twice.replace(b"\n", b"\r\n")])


def _quoted(mail: EmailMessage) -> str:
    content = mail.get_body(("plain",))
    text = content.get_content() if content is not None else ""
    return "\n".join(f"> {line}" for line in text.splitlines())


def _as_html(text: str, attribution: str, quoted: str) -> str:
    lines = "".join(f"<div>{line or '<br>'}</div>" for line in text.split("\n"))
    inner = "<br>".join(line.removeprefix("> ") for line in quoted.split("\n"))
    hidden = '<span style="display:none">rejected</span><style>.x{content:"rejected"}</style>'
    return (
        f'<html><body>{hidden}{lines}<div class="gmail_quote"><div class="gmail_attr">{attribution}</div>'
        f"<blockquote>{inner}</blockquote></div></body></html>"
    )
