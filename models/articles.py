"""Article numbers: EANs and suppliers' own numbers as shops and suppliers really write them."""

import re

_NOISE = re.compile(r"[\s\u200b-]+")


def normalise_ean(raw: str) -> str:
    """Fold case and spacing, so that `` 8411061 123456`` and ``8411061123456`` are one article.

    The check digit is not judged: suppliers' own samples fail it, and an article is what the supplier says it is.
    """
    return _NOISE.sub("", raw).upper()


def normalise_sku(raw: str) -> str:
    """Strip a supplier's number, with runs of spaces in it as one; case is kept."""
    return " ".join(raw.split())


def folded_sku(sku: str) -> str:
    """Fold what people write differently in one number, case and spaces: ``AB 1`` and ``ab1`` fold alike."""
    return sku.replace(" ", "").casefold()
