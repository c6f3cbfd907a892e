"""Proposals for which supplier's article is ours."""

from time import perf_counter

import pytest

from workflows.decisions.matching import Matchmaker, Method, OurArticle, TheirArticle, choose_attribute, gtin14


def theirs(sku: str, *, ean: str = "", title: str = "", brand: str = "", supplier: str = "bts") -> TheirArticle:
    return TheirArticle(supplier, sku, ean, title, brand)


def matched(ours: OurArticle, *candidates: TheirArticle) -> list[tuple[str, Method]]:
    matchmaker = Matchmaker([ours])
    for candidate in candidates:
        matchmaker.look_at(candidate)
    return [(one.supplier_sku, one.method) for one in matchmaker.proposals().get(ours.sku, [])]


@pytest.mark.parametrize(
    ("code", "long"),
    [
        ("036000291452", "00036000291452"),
        ("0036000291452", "00036000291452"),
        ("96385074", "00000096385074"),
        ("BTSKIT", ""),
        ("", ""),
        ("1234567", ""),
        ("٠٣٦٠٠٠٢٩١٤٥٢", ""),
    ],
)
def test_a_gtin_is_compared_in_its_longest_form(code: str, long: str) -> None:
    assert gtin14(code) == long


def test_a_upc_matches_the_ean_it_is_part_of() -> None:
    ours = OurArticle("A", "0036000291452", "Soap")
    assert matched(ours, theirs("1", ean="036000291452")) == [("1", Method.GTIN)]


def test_the_same_sku_matches_without_case_and_spaces() -> None:
    assert matched(OurArticle("Kit 49-A", "", ""), theirs("KIT49-a")) == [("KIT49-a", Method.SKU)]


def test_a_number_goes_before_a_title() -> None:
    ours = OurArticle("A", "8437000000013", "Linden Eau de Parfum 50 ml")
    found = matched(
        ours, theirs("t", title="Linden Eau de Parfum 50 ml", brand="Norte"), theirs("n", ean="8437000000013")
    )
    assert found == [("n", Method.GTIN), ("t", Method.TITLE)]


@pytest.mark.parametrize("title", ["Linden Eau de Parfum 100 ml", "Cedar Body Lotion", "", "50 ml"])
def test_another_size_or_another_thing_is_not_proposed(title: str) -> None:
    assert matched(OurArticle("A", "", "Linden Eau de Parfum 50 ml"), theirs("1", title=title)) == []


def test_the_brand_counts_as_part_of_their_title() -> None:
    ours = OurArticle("A", "", "Norte Linden Soap 120 g")
    assert matched(ours, theirs("1", title="Soap Linden 120 g", brand="NORTE")) == [("1", Method.TITLE)]


def test_only_the_best_three_are_kept_and_none_twice() -> None:
    ours = OurArticle("A", "8437000000013", "Fig Soap 120 g")
    candidates = [theirs(str(n), title=f"Fig Soap 120 g {'x' * n}") for n in range(2, 9)]
    found = matched(ours, *candidates, theirs("n", ean="8437000000013", title="Fig Soap 120 g"))
    assert len(found) == 3
    assert found[0] == ("n", Method.GTIN)
    assert len({sku for sku, _ in found}) == 3


def test_many_articles_are_looked_through_in_one_pass() -> None:
    ours = [OurArticle(f"A{n}", "", f"Linden Soap {n} g") for n in range(300)]
    matchmaker = Matchmaker(ours)
    begun = perf_counter()
    for n in range(3_000):
        matchmaker.look_at(theirs(str(n), title=f"Soap Linden {n} g"))
    assert len(matchmaker.proposals()) == 300
    assert perf_counter() - begun < 30


def test_the_precedence_says_whose_word_counts() -> None:
    values = {"acme": "Acme's", "bts": "BTS's", "nova": ""}
    assert choose_attribute(values, ("nova", "bts")) == ("bts", "BTS's")
    assert choose_attribute(values, ()) == ("acme", "Acme's")
    assert choose_attribute({"nova": ""}, ("nova",)) is None
