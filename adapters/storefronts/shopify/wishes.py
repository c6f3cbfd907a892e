"""What an order says about how it wants to be delivered: tags, kind of customer, preference, special needs. Pure.

None of it may keep a paid order out: what can't be read is left away. Shopify's names: ``tags`` (of order and customer,
comma-separated), ``company`` (B2B orders), ``note_attributes`` [{name, value}], ``shipping_lines`` [{code, title}].
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MOST_TAGS = 50
MAX_TAG = 60
NEEDS = "needs:"  # a tag "needs:branding" asks for a supplier that provides "branding"
_GIFT = ("gift_note", "gift_message", "gift note", "gift message")


@dataclass(frozen=True)
class Wishes:
    """How an order wants to be delivered. Words are lower case and short; a gift's text is not among them."""

    tags: tuple[str, ...] = ()
    customer_group: str = ""
    preference: str = ""
    needs: tuple[str, ...] = ()


def read_wishes(document: Mapping[str, object]) -> Wishes:
    """Read what can be read; nothing of it is required."""
    attributes = dict(_attributes(document.get("note_attributes")))
    customer = document.get("customer")
    tags = [*_words(document.get("tags")), *_words(customer.get("tags") if isinstance(customer, Mapping) else None)]
    group = attributes.get("customer_group") or ("b2b" if isinstance(document.get("company"), Mapping) else "")
    preference = attributes.get("delivery_preference") or attributes.get("preference") or _shipping(document)
    needs = [tag.removeprefix(NEEDS) for tag in tags if tag.startswith(NEEDS) and tag != NEEDS]
    if any(attributes.get(name) for name in _GIFT):
        needs.append("gift-note")
    return Wishes(
        tags=tuple(dict.fromkeys(tags))[:MOST_TAGS],
        customer_group=group,
        preference=preference,
        needs=tuple(sorted(set(needs)))[:MOST_TAGS],
    )


def read_grams(value: object) -> int:
    """Read a line's weight; what makes no sense is no weight."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000_000 else 0


def _words(value: object) -> Iterator[str]:
    listed = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ()
    yield from (word for one in listed if (word := _word(one)))


def _attributes(value: object) -> Iterator[tuple[str, str]]:
    for one in value if isinstance(value, list) else ():
        if isinstance(one, Mapping) and (name := _word(one.get("name"))) and (text := _word(one.get("value"))):
            yield name, text


def _shipping(document: Mapping[str, object]) -> str:
    lines = document.get("shipping_lines")
    first = lines[0] if isinstance(lines, list) and lines else None
    return (_word(first.get("code")) or _word(first.get("title"))) if isinstance(first, Mapping) else ""


def _word(value: object) -> str:
    if not isinstance(value, str):
        return ""
    clean = "".join(one for one in value if one.isalpha() or (one.isascii() and one.isprintable()))
    return " ".join(clean.split()).casefold()[:MAX_TAG]
