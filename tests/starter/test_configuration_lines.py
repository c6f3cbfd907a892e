import tomllib
from typing import Any

import pytest

from starter.configuration_files import BadConfigurationError, validate
from starter.configuration_lines import Lines

DOCUMENT = '''# A shop.

[channels.main]
mode = "live"        # trusted
tags = [
  # the first is usual
  "a",

  "b", "c",
]
note = """
[not.a.table]
mode = 3
"""
inline = { deep = { deeper = 1 }, list = [
  1, 2] }

[[routing.rules]]
name = "first"
when.countries = ["DE"]
[routing.rules.weights]
split = 1

[[routing.rules]]
"name" = "second"

[suppliers.bts.terms]
shipping = [
  { countries = ["DE"], cost = "1" },
  { cost = [
      2,
    ] },
  { cost = "3" }
]
stock.bundles."A B" = { x = 1 }
'''


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(DOCUMENT.splitlines(), start=1) if line.lstrip().startswith(text))


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (("channels",), "[channels.main]"),
        (("channels", "main"), "[channels.main]"),
        (("channels", "main", "mode"), 'mode = "live"'),
        (("channels", "main", "tags"), "tags"),
        (("channels", "main", "tags", 0), '"a"'),
        (("channels", "main", "tags", 1), '"b"'),
        (("channels", "main", "tags", 2), '"b"'),
        (("channels", "main", "note"), "note"),
        (("channels", "main", "inline", "deep", "deeper"), "inline"),
        (("routing", "rules", 0, "name"), 'name = "first"'),
        (("routing", "rules", 0, "when", "countries", 0), "when.countries"),
        (("routing", "rules", 0, "weights", "split"), "split"),
        (("routing", "rules", 1, "name"), '"name" = "second"'),
        (("suppliers", "bts", "terms", "shipping", 0, "countries", 0), '{ countries = ["DE"]'),
        (("suppliers", "bts", "terms", "shipping", 1, "cost", 0), "{ cost = ["),
        (("suppliers", "bts", "terms", "shipping", 2), '{ cost = "3"'),
        (("suppliers", "bts", "terms", "stock", "bundles", "A B", "x"), "stock.bundles"),
        (("channels", "main", "missing"), "[channels.main]"),
        (("routing", "rules", 0, "missing", 3), "[[routing.rules]]"),
    ],
)
def test_every_setting_is_found_where_it_stands(location: tuple[str | int, ...], text: str) -> None:
    assert tomllib.loads(DOCUMENT)
    assert Lines(DOCUMENT).of(location) == line_of(text)


def test_line_endings_do_not_count_and_nothing_is_told_of_the_whole() -> None:
    lines = Lines(DOCUMENT.replace("\n", "\r\n"))

    assert lines.of(("routing", "rules", 1, "name")) == line_of('"name" = "second"')
    assert lines.of(()) is None
    assert lines.of(("mail", "host")) is None


FILE = """\
[channels.main]
shop_domain = "shop.planted.example"
webhook_secret_env = "shpss-planted"
token_env = "SHOP_TOKEN"
start_watermark = 2026-01-01T00:00:00Z
mod = "live"

[suppliers.bts]
adapter = "btswholesaler"
display_name = "BTSWholesaler"
base_url = "https://api.supplier.example"
token_env = "BTS_TOKEN"
metafield_namespace = "btswholesaler"
terms.provides = ["gift-note"]

[routing]
priority = ["bts"]
weights.split = -1
tiers = [["bts"], ["bts"]]

[[routing.rules]]
name = "fixed"
only = ["btz"]
exclude = ["btz"]

[[routing.rules]]
name = "gifts"
when = { channels = ["mian"], tags = ["gift"] }
onyl = ["bts"]
needs = ["gift-notes"]

[[routing.rules]]
name = "heavy"
when.kg_from = 10
when.kg_below = 5
urgent = true

[stock]
substitutes = { A = ["B"], B = ["A"] }

[[backorders.rules]]
name = "first"
channels = ["main"]
[[backorders.rules]]
name = "second"
channels = ["main"]

[mail]
host = "mail.planted.example"
port = 0
sender = "shop@planted.example"
alerts_to = "ops@planted.example"
"""
MISTAKES = [
    (3, "channels.main.webhook_secret_env", "never the credential itself", 'e.g. "BTS_TOKEN"'),
    (6, "channels.main.mod", "there is no such setting", "did you mean mode?"),
    (18, "routing.weights.split", "greater than or equal to 0", "within the bounds"),
    (19, "routing.tiers[1][0]", '"bts" stands in the tiers twice', "in one tier"),
    (23, "routing.rules[0].only[0]", '"btz" is excluded too', "out of exclude"),
    (23, "routing.rules[0].only[0]", 'names "btz", which is no supplier', 'did you mean "bts"?'),
    (24, "routing.rules[0].exclude[0]", 'names "btz", which is no supplier', 'did you mean "bts"?'),
    (28, "routing.rules[1].when.channels[0]", 'names "mian", which is no channel', 'did you mean "main"?'),
    (29, "routing.rules[1].onyl", "there is no such setting", "did you mean only?"),
    (30, "routing.rules[1].needs[0]", 'provides "gift-notes"', 'did you mean "gift-note"?'),
    (35, "routing.rules[2].when.kg_below", "nothing is at least 10 and below 5", "more than kg_from"),
    (39, "stock.substitutes.A", "A → B → A is a circle", "take"),
    (44, "backorders.rules[1]", '"second" is never reached', "take it out"),
    (50, "mail.port", "greater than or equal to 1", "within the bounds"),
]


def refusal(text: str) -> BadConfigurationError:
    with pytest.raises(BadConfigurationError) as refused:
        validate("dropwright.toml", tomllib.loads(text), text)
    return refused.value


def test_every_mistake_of_a_file_is_told_at_once_with_file_line_and_remedy_in_its_order() -> None:
    refused = refusal(FILE)

    found: list[Any] = [(one.line, one.path) for one in refused.problems]
    assert found == [(line, path) for line, path, _, _ in MISTAKES]
    for one, (_, _, problem, remedy) in zip(refused.problems, MISTAKES, strict=True):
        assert problem in one.problem
        assert remedy in one.remedy
    said = str(refused)
    assert '\n  dropwright.toml:23: routing.rules[0].only[0]: names "btz", which is no supplier; did you mean' in said
    assert "planted" not in said


def test_a_wrong_or_missing_setting_that_must_be_there_hides_no_other_mistake() -> None:
    text = FILE.replace('host = "mail.planted.example"\n', "").replace('display_name = "BTSWholesaler"\n', "")

    paths = {one.path for one in refusal(text).problems}

    assert {"mail.host", "suppliers.bts.display_name", *(path for _, path, _, _ in MISTAKES)} == paths


def test_no_rule_is_blamed_for_what_another_mistake_has_taken_away() -> None:
    text = FILE.replace("onyl = ", "split_lines = ").replace('needs = ["gift-notes"]', "")

    found = {one.path: one.problem for one in refusal(text).problems}

    assert "boolean" in found["routing.rules[1].split_lines"]
    assert "routing.rules[1]" not in found
