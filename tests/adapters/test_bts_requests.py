from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.suppliers.btswholesaler.requests import (
    PaymentMethod,
    normalised_ean,
    order_form,
    shipping_parameters,
    stock_parameters,
)
from dropwright.testing.contract import CUSTOMER
from models.suppliers import Destination, SupplierLine, SupplierOrder

GOLDEN = Path(__file__).with_name("test_bts_order_form.golden.txt")
LINES = (SupplierLine(ean=" 8437 0000 00006", quantity=2), SupplierLine(ean="btskit0049a", quantity=1))
ORDER = SupplierOrder(number="DW-1-11", lines=LINES, quote_id="145", address=CUSTOMER, test=False)


def test_the_order_form_is_the_golden_one_and_carries_the_customers_address() -> None:
    form = order_form(ORDER, PaymentMethod.WALLET)
    assert "".join(f"{name}={value}\n" for name, value in form.items()) == GOLDEN.read_text(encoding="utf-8")


def test_the_form_travels_form_encoded() -> None:
    form = order_form(ORDER, PaymentMethod.WALLET)
    request = httpx.Request("POST", "http://bts.invalid/setCreateOrder", data=form)
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.content.decode() == urlencode(form)


@pytest.mark.parametrize(("country", "sent"), [("US", "NY"), ("CA", "NY"), ("ES", None), ("DE", None)])
def test_only_the_usa_and_canada_get_a_state_code(country: str, sent: str | None) -> None:
    address = CUSTOMER.model_copy(update={"country_code": country, "province_code": "NY"})
    form = order_form(ORDER.model_copy(update={"address": address}), PaymentMethod.WALLET)
    assert form.get("state_code") == sent


@pytest.mark.parametrize("method", PaymentMethod)
def test_a_test_order_is_always_a_bank_transfer(method: PaymentMethod) -> None:
    assert order_form(ORDER, method)["payment_method"] == method
    assert order_form(ORDER.model_copy(update={"test": True}), method)["payment_method"] == "banktransfer"


def test_without_a_company_or_second_line_no_comma_is_left_over() -> None:
    address = CUSTOMER.model_copy(update={"company": "", "address2": ""})
    form = order_form(ORDER.model_copy(update={"address": address}), PaymentMethod.WALLET)
    assert (form["client_name"], form["address"]) == ("Zaphyra Quillfeather", "17 Gingerbread Steps")


def test_rates_are_asked_for_destination_and_lines() -> None:
    parameters = shipping_parameters(Destination(country_code="ES", postal_code="28001"), LINES[:1])
    assert parameters == [
        ("address[country_code]", "ES"),
        ("address[postal_code]", "28001"),
        ("products[0][sku]", "8437000000006"),
        ("products[0][quantity]", "2"),
    ]


@given(st.text(alphabet="0123456789abcXYZ", min_size=1, max_size=20), st.data())
def test_spaces_and_case_never_change_an_ean(ean: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(ean)))
    assert normalised_ean(f" {ean[:cut].lower()} \t{ean[cut:].upper()}\n") == ean.upper()
    assert stock_parameters([ean]) == [("product_sku[]", ean.upper())]
