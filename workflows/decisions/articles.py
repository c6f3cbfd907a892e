"""Article numbers, as decisions speak of them."""

from models.articles import normalise_ean

__all__ = ["normalise_ean"]
