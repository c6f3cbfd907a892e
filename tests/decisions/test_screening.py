import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.articles import normalise_ean
from models.orders import Address
from models.screening import ScreenedLine
from models.storefronts import StorefrontFacts
from models.tasks import TaskCategory
from workflows.decisions import destinations
from workflows.decisions.questions import draft
from workflows.decisions.screening import COUNTRIES, NO_POSTCODE, address_problem, find_problem, resolve_articles

COMPLETE = {
    "name": "Planted Person",
    "address1": "Planted Street 1",
    "city": "Madrid",
    "postal_code": "28001",
    "country_code": "ES",
}
PAID = StorefrontFacts(paid=True, cancelled=False, barcodes={"11": "8411061123456"})
LINES = [ScreenedLine("11", "900", None), ScreenedLine("12", "", None)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, ""),
        ({"name": "", "company": "Planted Ltd"}, ""),
        ({"name": ""}, "name missing"),
        ({"address1": ""}, "street missing"),
        ({"city": ""}, "city missing"),
        ({"postal_code": ""}, "postcode missing"),
        ({"postal_code": "   "}, "postcode missing"),
        ({"postal_code": "", "country_code": "HK"}, ""),
        ({"postal_code": "", "country_code": "AE"}, ""),
        ({"postal_code": "", "country_code": "DE"}, "postcode missing"),
        ({"postal_code": "28001 Madrid, by the river"}, "postcode of at most 20 characters missing"),
        ({"country_code": ""}, "country missing"),
        ({"country_code": "ZZ"}, "known country missing"),
        ({"country_code": "es"}, ""),
        ({"country_code": "US"}, "state missing"),
        ({"country_code": "CA"}, "state missing"),
        ({"country_code": "US", "province_code": "CA"}, ""),
        ({"name": "", "address1": "", "city": "", "postal_code": ""}, "name, street, city, postcode missing"),
    ],
)
def test_what_an_address_lacks_is_named(change: dict[str, str], problem: str) -> None:
    assert address_problem(Address(**{**COMPLETE, **change})) == problem


@given(st.builds(Address, postal_code=st.text(max_size=60), country_code=st.sampled_from(["ES", "HK", "DE", "", "E1"])))
def test_a_rate_can_be_asked_for_wherever_nothing_is_missing(address: Address) -> None:
    whole = address.model_copy(update={"name": "Planted", "address1": "Planted Street 1", "city": "Madrid"})
    if not address_problem(whole):
        assert destinations.destination(whole).postal_code == whole.postal_code


def test_an_order_without_an_address_says_so() -> None:
    assert address_problem(None) == "there is no shipping address"


@pytest.mark.parametrize("country", sorted(NO_POSTCODE))
def test_where_there_are_no_postcodes_none_is_asked_for(country: str) -> None:
    assert address_problem(Address(**{**COMPLETE, "country_code": country, "postal_code": ""})) == ""


def test_countries_without_postcodes_are_countries() -> None:
    assert NO_POSTCODE <= COUNTRIES
    assert len(COUNTRIES) == 250  # the 249 of ISO 3166-1 and Kosovo's XK


FIELDS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.builds(Address, name=FIELDS, address1=FIELDS, city=FIELDS, postal_code=FIELDS, phone=FIELDS, email=FIELDS))
def test_a_problem_never_repeats_what_an_address_holds(address: Address) -> None:
    vocabulary = "name, street, city, postcode of at most 20 characters, known country, state missing"
    words = address_problem(address).replace(",", "").split()
    assert set(words) <= set(vocabulary.replace(",", "").split())


def test_a_persons_mapping_outranks_the_storefronts_barcode() -> None:
    lines = [ScreenedLine("11", "900", "OURS-1"), ScreenedLine("12", "901", None), ScreenedLine("13", "902", None)]
    known, unknown = resolve_articles(lines, {"11": "8411061123456", "12": " 8411061 123457 "})
    assert known == {"11": "OURS1", "12": "8411061123457"}
    assert unknown == ["13"]


@pytest.mark.parametrize("barcode", ["", "   ", "-", "\u200b"])
def test_a_barcode_of_nothing_but_noise_is_no_article(barcode: str) -> None:
    assert resolve_articles([ScreenedLine("11", "900", None)], {"11": barcode}) == ({}, ["11"])


@pytest.mark.parametrize(
    ("raw", "ean"),
    [
        ("8411061123456", "8411061123456"),
        (" 8411061 123456 ", "8411061123456"),
        ("8411061-123456", "8411061123456"),
        ("\u200b8411061123456\t", "8411061123456"),
        ("btsKit0049a", "BTSKIT0049A"),
        ("036000291452", "036000291452"),  # leading zeros are part of the number
    ],
)
def test_one_article_however_it_is_written(raw: str, ean: str) -> None:
    assert normalise_ean(raw) == ean


@given(st.text(max_size=30))
def test_writing_an_article_out_again_changes_nothing(raw: str) -> None:
    assert normalise_ean(normalise_ean(raw)) == normalise_ean(raw)


def test_payment_comes_before_address_and_address_before_articles() -> None:
    unpaid = PAID.model_copy(update={"paid": False})
    everything_wrong = find_problem("#1001", None, unpaid, LINES, ["11"])
    assert everything_wrong is not None
    assert everything_wrong.category is TaskCategory.NOT_PAID
    paid = find_problem("#1001", None, PAID, LINES, ["11"])
    assert paid is not None
    assert paid.category is TaskCategory.ADDRESS_INCOMPLETE
    addressed = find_problem("#1001", Address(**COMPLETE), PAID, LINES, ["11", "12"])
    assert addressed is not None
    assert addressed.category is TaskCategory.ARTICLE_UNKNOWN
    assert addressed.facts["articles"] == "variant 900, variant 12"
    assert find_problem("#1001", Address(**COMPLETE), PAID, LINES, []) is None


def test_every_problem_can_be_worded() -> None:
    unpaid = PAID.model_copy(update={"paid": False})
    found = [
        find_problem("#1001", None, unpaid, LINES, []),
        find_problem("#1001", None, PAID, LINES, []),
        find_problem("#1001", Address(**COMPLETE), PAID, LINES, ["11"]),
    ]
    assert all("#1001" in draft(problem.category, problem.facts).question for problem in found if problem)


def test_a_quote_holds_while_country_and_postcode_stay() -> None:
    home = Address(**COMPLETE)
    same = home.model_copy(update={"address1": "Another Street 2", "name": "Someone Else"})
    moved = home.model_copy(update={"postal_code": "28002"})
    abroad = home.model_copy(update={"country_code": "PT"})
    assert destinations.key(home) == destinations.key(same) == "ES 28001"
    assert len({destinations.key(one) for one in (home, moved, abroad)}) == 3


def test_a_destination_holds_what_a_rate_depends_on_and_nothing_else() -> None:
    found = destinations.destination(Address(**COMPLETE, phone="+34600112233"))
    assert found.model_dump() == {"country_code": "ES", "postal_code": "28001"}


def test_a_destination_without_a_postcode_has_a_key_too() -> None:
    assert destinations.key(Address(country_code="HK")) == "HK"
