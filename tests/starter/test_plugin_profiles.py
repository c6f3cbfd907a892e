import re
from pathlib import Path
from typing import Any

import pytest

from starter.configuration_files import BadConfigurationError, read_file, to_toml, validate
from starter.configuration_problems import Problem
from tests.starter.world import document

PAGES = Path(__file__).parents[2] / "docs" / "suppliers"


def example(adapter: str) -> str:
    """Read the table of a supplier that its adapter's page shows."""
    found = re.search(r"```toml\n(.*?)```", (PAGES / f"{adapter}.md").read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


PRINTFUL = example("printful")


def acme() -> str:
    return example("generic-rest")


def whole(supplier: str) -> str:
    """Write a configuration whose end is this supplier's table."""
    return to_toml(validate("test", document())) + supplier


def check(tmp_path: Path, supplier: str) -> list[Problem]:
    file = tmp_path / "dropwright.toml"
    file.write_text(whole(supplier))
    with pytest.raises(BadConfigurationError) as caught:
        read_file(file)
    return caught.value.problems


def changed(before: str, after: str) -> str:
    """Take the documented example with one place of it changed."""
    assert acme().count(before) >= 1, before
    return acme().replace(before, after, 1)


def line_of(supplier: str, beginning: str) -> int:
    lines = whole(supplier).splitlines()
    return next(number for number, line in enumerate(lines, start=1) if line.startswith(beginning))


@pytest.mark.parametrize("supplier", [acme(), PRINTFUL], ids=["acme", "printful"])
def test_a_documented_profile_is_valid_and_survives_being_written(tmp_path: Path, supplier: str) -> None:
    file = tmp_path / "dropwright.toml"
    file.write_text(whole(supplier))
    configuration = read_file(file)
    file.write_text(to_toml(configuration))
    assert read_file(file) == configuration


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://api.acme.example/api?store=5", "question mark or a hash"),
        ("https://api.acme.example/api#v2", "question mark or a hash"),
        ("https://planted:word@api.acme.example/api", "a user or a password"),
    ],
)
def test_an_address_that_is_more_than_a_base_is_a_mistake(tmp_path: Path, address: str, said: str) -> None:
    (problem,) = check(tmp_path, changed("https://api.acme.example/api/v2", address))
    assert problem.path == "suppliers.acme.base_url"
    assert said in problem.problem
    assert "planted" not in f"{problem.problem} {problem.remedy}"


CALL = "suppliers.acme.profile.operations"
MISTAKES: list[tuple[str, str, str, str, str]] = [  # before, after, path, a part of what is said, the line it points to
    (
        'number = "id"',
        'number = "id["',
        "suppliers.acme.profile.order.number",
        "no JMESPath",
        'number = "id["',
    ),
    ('doubt = "key"', 'doubt = "keys"', "suppliers.acme.profile.doubt", "'key'", "doubt"),
    ('amounts = "cents"', 'amount = "cents"', "suppliers.acme.profile.amount", "did you mean amounts?", "amount "),
    (
        'kind = "bearer"',
        'kind = "basic"',
        "suppliers.acme.profile.authentication.username",
        "is required",
        "[suppliers.acme.profile.authentication]",
    ),
    (
        'ACCEPTED = "acknowledged"',
        'ACCEPTED = "done"',
        "suppliers.acme.profile.statuses.ACCEPTED",
        "'acknowledged'",
        'ACCEPTED = "done"',
    ),
    (
        'status = "state"',
        'status = "uper(state)"',
        "suppliers.acme.profile.order.status",
        'which is no function: did you mean "upper"?',
        'status = "uper',
    ),
    (
        'status = "state"',
        'status = "lower(state, id)"',
        "suppliers.acme.profile.order.status",
        "lower with 2 arguments: it takes 1",
        'status = "lower',
    ),
    (
        'carrier = "carrier.name"\nurl',
        'carrier = "carrier.name[1:][?not_null(a, b, uper(c))]"\nurl',
        "suppliers.acme.profile.order.parcels.carrier",
        "which is no function",
        'carrier = "carrier.name[1:]',
    ),
    ('path = "/ping"', 'path = "/ping?deep=1"', f"{CALL}.probe.path", "write parameters into query", "path"),
    (
        'quantity = "units", unit_cost = {',
        'qty = "units", unit_cost = {',
        "suppliers.acme.profile.feeds.stock.columns.qty",
        "is no field",
        'columns = { sku = "gtin", ean = "gtin", qty',
    ),
    (
        'brand = "brand" }\ncolumns',
        'brnd = "brand" }\ncolumns',
        "suppliers.acme.profile.feeds.catalogue.columns.brand",
        'did you mean "brnd"?',
        'columns = { sku = "gtin", ean = "gtin", title',
    ),
    (
        'operation = "find_order"',
        'operation = "look_up"',
        "suppliers.acme.profile.recorded[2].operation",
        "or 'webhook'",
        'operation = "look_up"',
    ),
    (
        'operation = "fetch_order"\n',
        'operation = "fetch_order"\nstatus = 404\n',
        "suppliers.acme.profile.recorded[3].expect",
        "reads as refused: fetch_order: ",
        "[suppliers.acme.profile.recorded.expect]",
    ),
    ('path = "/ping"', 'path = "https://other.example/x"', f"{CALL}.probe.path", "leads out of base_url", "path"),
    (
        'gtin = "{{ line.ean }}"',
        'gtin = "{{ line.gtin }}"',
        f"{CALL}.place_order.body.data.items.item.gtin",
        "there is no line.gtin",
        "item = { position",
    ),
    (
        "order.customer_order or none",
        "order.lines[0].unit_cost.amount",
        f"{CALL}.place_order.body.data.comment",
        "there is no order.lines[0].unit_cost.amount",
        "comment",
    ),
    (
        'path = "/purchase-orders/{{ supplier_number }}"',
        'path = "/purchase-orders/latest"',
        f"{CALL}.fetch_order",
        "does not say which order",
        "[suppliers.acme.profile.operations.fetch_order]",
    ),
    ('test = "{{ order.test }}"', "", "suppliers.acme.profile.test_orders", "sent as any other", "test_orders"),
    (
        'signed = "{timestamp}.{body}"',
        "",
        "suppliers.acme.profile.webhook.signature.timestamp_header",
        "need each other",
        'timestamp_header = "X',
    ),
    (
        'status = [402]\nwhen = "errors[0].code"',
        "",
        "suppliers.acme.profile.errors[0].when",
        "is missing",
        "[[suppliers.acme.profile.errors]]",
    ),
    (
        "status = [402]",
        "status = [402, 503]",
        "suppliers.acme.profile.errors[0].status",
        "no rule is asked",
        "status = [402, 503]",
    ),
    (
        '"decision": "REJECTED", "units": 1',
        '"decision": "REJECTED", "units": 1, "shipsOn": "05/01/2026"',
        "suppliers.acme.profile.recorded[3].body",
        "lines.expected_on finds a date that is not ISO 8601",
        'body = \'\'\'{"data": {"id": "A-2000001", "state": "SHIPPED"',
    ),
    (
        'expect = { error = "refused", code = "no_stock" }',
        'expect = { error = "refused", code = "product_error" }',
        "suppliers.acme.profile.recorded[1].expect",
        "code reads as no_stock, not as product_error",
        'expect = { error = "refused"',
    ),
    (
        'total = "amounts.grandTotal.cents"',
        'total = "amounts.total.cents"',
        "suppliers.acme.profile.recorded[0].expect",
        "total reads as nothing",
        "expect = { supplier_number",
    ),
    (
        'tracking_number = "X1", carrier = "GLS"',
        'tracking_number = "X1", carrier = "UPS"',
        "suppliers.acme.profile.recorded[3].expect",
        "not as UPS",
        "[suppliers.acme.profile.recorded.expect]",
    ),
]


@pytest.mark.parametrize(("before", "after", "path", "said", "beginning"), MISTAKES)
def test_a_mistake_in_a_profile_is_named_with_its_line_and_a_remedy(
    tmp_path: Path, before: str, after: str, path: str, said: str, beginning: str
) -> None:
    supplier = changed(before, after)
    problems = check(tmp_path, supplier)
    assert [one.path for one in problems] == [path]
    assert said in f"{problems[0].problem}; {problems[0].remedy}"
    assert problems[0].line == line_of(supplier, beginning)
    assert problems[0].remedy


def test_two_mistakes_in_two_profiles_are_told_at_once(tmp_path: Path) -> None:
    supplier = changed('amounts = "cents"', 'amounts = "pence"') + PRINTFUL.replace('"4711"', '"main"')
    assert [one.path for one in check(tmp_path, supplier)] == [
        "suppliers.acme.profile.amounts",
        "suppliers.pf.profile.store_id",
    ]


def test_what_a_profile_takes_is_said_by_its_adapters_page(tmp_path: Path) -> None:
    (problem,) = check(tmp_path, PRINTFUL.replace('"4711"', '"main"'))
    assert problem.remedy == "docs/suppliers/printful.md says what it takes"


def without(*operations: str) -> str:
    """Take recorded answers out of the documented example."""
    kept = acme().split("[[suppliers.acme.profile.recorded]]")
    head, tail = kept[0], "[suppliers.acme.feeds.stock]" + kept[-1].split("[suppliers.acme.feeds.stock]")[1]
    recorded = [part.split("[suppliers.acme.feeds.stock]")[0] for part in kept[1:]]
    left = [part for part in recorded if not any(f'operation = "{name}"' in part for name in operations)]
    return "".join([head, *(f"[[suppliers.acme.profile.recorded]]{part}" for part in left), tail])


def test_a_profile_needs_recorded_answers(tmp_path: Path) -> None:
    problems = check(tmp_path, without("place_order", "fetch_order"))
    assert {one.path for one in problems} == {"suppliers.acme.profile.recorded"}
    assert len(problems) == 2


def test_doubt_can_only_be_settled_by_what_the_requests_carry(tmp_path: Path) -> None:
    silent = changed('reference = "{{ order.number }}"', "").replace(
        'headers = { Idempotency-Key = "{{ order.number }}" }', ""
    )
    (problem,) = check(tmp_path, silent)
    assert "does not send our number" in problem.problem
    blind = re.sub(r"\[suppliers.acme.profile.operations.find_order\].*?\n\n", "", acme(), flags=re.DOTALL)
    problems = check(tmp_path, blind.replace('doubt = "key"', 'doubt = "look_up"'))
    assert "suppliers.acme.profile.doubt" in [one.path for one in problems]


def test_a_look_up_says_how_long_an_order_may_stay_unseen_and_has_a_recorded_answer(tmp_path: Path) -> None:
    looked_up = without("find_order").replace('doubt = "key"', 'doubt = "look_up"')
    problems = check(tmp_path, looked_up)
    assert {one.path for one in problems} == {
        "suppliers.acme.profile.visibility_delay",
        "suppliers.acme.profile.recorded",
    }


def test_a_recorded_answer_of_which_no_rule_is_asked_reads_as_it_does_while_orders_run(tmp_path: Path) -> None:
    problems = check(tmp_path, changed("status = 422\nbody", "status = 500\nbody"))
    assert {one.path for one in problems} == {"suppliers.acme.profile.recorded[1].expect"}
    assert "reads as doubtful" in problems[0].problem


def test_a_profile_that_no_adapter_reads_is_a_mistake(tmp_path: Path) -> None:
    values: dict[str, Any] = document()
    name = next(iter(values["suppliers"]))
    values["suppliers"][name]["profile"] = {"store_id": "1"}
    with pytest.raises(BadConfigurationError) as caught:
        validate("test", values)
    assert [one.path for one in caught.value.problems] == [f"suppliers.{name}.profile"]


def test_a_version_that_the_adapter_does_not_speak_is_a_mistake(tmp_path: Path) -> None:
    (problem,) = check(tmp_path, example("bigbuy").replace('api_version = "2"', 'api_version = "3"'))
    assert problem.path == "suppliers.bigbuy.api_version"
    assert problem.remedy == "write one of 2, 1"
