"""The marks by which an answer finds its purchase order: what we write into a mail, and how it is found again. Pure."""

import re
from collections.abc import Iterable

from models.exchange import DocumentKind

# Our purchase-order numbers, as ``models.identifiers.purchase_order_number`` mints them.
# Written out, since ignoring case would take "\u212a" for a K.
NUMBER = r"[Dd][Ww]-[0-9A-Za-z]{1,16}(?:-[0-9A-Za-z]{1,16}){1,2}"
ORDER_NUMBER = re.compile(rf"(?<![^\W_])(?<!-){NUMBER}(?![^\W_]|-)")
TOKEN = re.compile(rf"\[\s*(?i:PO)\s*:\s*({NUMBER})\s*\]")
MESSAGE_ID = re.compile(r"<[^<>\s]{1,400}>")
OURS = re.compile(rf"<((?i:po|cancel))\.({NUMBER})\.\d+\.[A-Za-z0-9-]+@[^<>\s@]+>")
KINDS = {DocumentKind.ORDER: "po", DocumentKind.CANCELLATION: "cancel"}


def token(number: str) -> str:
    """Write the mark that a subject carries: ``[PO:DW-1-11]``."""
    return f"[PO:{number}]"


def message_id(kind: DocumentKind, number: str, control: int, supplier: str, domain: str) -> str:
    """Mint a mail's Message-ID from the document: a resend carries that of the first."""
    return f"<{KINDS[kind]}.{number}.{control}.{supplier}@{domain}>"


def plus_address(address: str, number: str) -> str:
    """Write an address that brings the number back: ``orders+DW-1-11@shop.example``."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{number}@{domain}"


def numbers_of_addresses(addresses: Iterable[str], answers_to: str) -> set[str]:
    """Read numbers from what stands behind the plus of our own address."""
    local, _, domain = answers_to.lower().rpartition("@")
    found = set()
    for address in addresses:
        name, _, host = address.rpartition("@")
        base, plus, number = name.partition("+")
        if plus and base.lower() == local and host.lower() == domain and ORDER_NUMBER.fullmatch(number):
            found.add(number.upper())
    return found


def numbers_of_tokens(subject: str) -> set[str]:
    """Read the numbers of ``[PO:…]`` marks."""
    return {number.upper() for number in TOKEN.findall(subject)}


def numbers_of_references(references: Iterable[str]) -> set[str]:
    """Read the numbers of our own Message-IDs."""
    return {found[2].upper() for reference in references if (found := OURS.fullmatch(reference))}


def asks_to_cancel(references: Iterable[str]) -> bool:
    """Say whether the newest of our mails that is referred to asked to cancel. ``references``: oldest first."""
    ours = [found[1].lower() for reference in references if (found := OURS.fullmatch(reference))]
    return bool(ours) and ours[-1] == KINDS[DocumentKind.CANCELLATION]


def numbers_of_text(text: str) -> set[str]:
    """Read the numbers that stand anywhere in a text."""
    return {number.upper() for number in ORDER_NUMBER.findall(text)}
