from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.decisions.links import TOKEN_LENGTH, BadLinkError, ExpiredLinkError, Purpose, read_link, sign_link

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECRET, OLD, STRANGE = "a secret of ours", "the secret before it", "nobody's secret at all"
LATER = NOW + timedelta(days=3)
FOR = Purpose.CUSTOMER_QUESTION
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(
    st.sampled_from(Purpose),
    st.integers(0, 2**63 - 1),
    st.integers(1, 30_000).map(lambda days: NOW + days * timedelta(days=1)),
)
def test_a_link_leads_to_what_it_names(purpose: Purpose, row_id: int, expires_at: datetime) -> None:
    token = sign_link(purpose, row_id, expires_at, SECRET)

    assert len(token) == TOKEN_LENGTH
    assert read_link(purpose, token, [SECRET, OLD], now=NOW) == row_id


def test_a_link_for_one_thing_is_none_for_another_by_the_same_secret() -> None:
    for purpose, other in ((Purpose.CUSTOMER_QUESTION, Purpose.SUPPLIER_PAGE), (Purpose.SUPPLIER_PAGE, FOR)):
        with pytest.raises(BadLinkError):
            read_link(other, sign_link(purpose, 7, LATER, SECRET), [SECRET], now=NOW)


def test_a_link_that_is_on_its_way_to_a_customer_stays_good() -> None:
    sent = "AAAAAAAAAAcAAAAAaalGEAwhCNjsoGIy-ZcBoNaxHfGLHzGV1623GEebocLLv10Z"

    assert read_link(FOR, sent, [SECRET], now=NOW) == 7


def test_a_link_that_was_signed_with_the_secret_before_is_still_good() -> None:
    assert read_link(FOR, sign_link(FOR, 7, LATER, OLD), [SECRET, OLD], now=NOW) == 7


@pytest.mark.parametrize("secrets", [[STRANGE], [], [""], ["", ""]])
def test_a_link_of_another_secret_is_not_ours(secrets: list[str]) -> None:
    with pytest.raises(BadLinkError):
        read_link(FOR, sign_link(FOR, 7, LATER, SECRET), secrets, now=NOW)


@pytest.mark.parametrize("secret", ["", "short", "15 characters.."])
def test_no_link_is_good_by_a_secret_that_can_be_guessed(secret: str) -> None:
    with pytest.raises(BadLinkError):
        read_link(FOR, sign_link(FOR, 7, LATER, secret), [secret], now=NOW)


def test_a_link_runs_out_to_the_second() -> None:
    token = sign_link(FOR, 7, LATER, SECRET)

    assert read_link(FOR, token, [SECRET], now=LATER - timedelta(seconds=1)) == 7
    with pytest.raises(ExpiredLinkError):
        read_link(FOR, token, [SECRET], now=LATER)


def test_no_single_character_of_a_link_can_be_changed() -> None:
    token = sign_link(FOR, 7, LATER, SECRET)
    for position, old in enumerate(token):
        changed = token[:position] + ("A" if old != "A" else "B") + token[position + 1 :]
        with pytest.raises(BadLinkError):
            read_link(FOR, changed, [SECRET], now=NOW)


@settings(max_examples=1000)
@given(
    st.one_of(
        st.text(max_size=100),
        st.text(alphabet=ALPHABET, min_size=TOKEN_LENGTH, max_size=TOKEN_LENGTH),
        st.text(alphabet=ALPHABET + "+/=%.", min_size=TOKEN_LENGTH - 2, max_size=TOKEN_LENGTH + 2),
    )
)
def test_whatever_else_is_sent_is_no_link(token: str) -> None:
    with pytest.raises(BadLinkError):
        read_link(FOR, token, [SECRET, OLD], now=NOW)
