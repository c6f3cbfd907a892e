"""Beginning, listing and testing adapters on the command line."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from shutil import copytree
from textwrap import dedent
from typing import Any, cast

import httpx
import pytest

from adapters.database.engine import Database
from adapters.errors import Refused
from adapters.plugin import Plugin, load_plugins
from adapters.ports import SupplierPort
from dropwright.testing.stage import nowhere
from models.configuration import Configuration
from sandbox.btswholesaler import DEFAULT_TOKEN, create_app
from sandbox.catalogue import UNKNOWN_EAN, plain_eans
from sandbox.serving import serving
from starter.adapter_account import Account, look_at
from starter.places import project_dir
from starter.scaffold import LONGEST_NAME, BadNameError, naming, write_package
from tests.foreign_adapter.installing import environment_with, install_scaffold
from tests.starter.world import CommandLine, apply_configuration, document

SETTINGS = {
    "adapter": "btswholesaler",
    "display_name": "BTSWholesaler",
    "token_env": "BTS_TOKEN",
    "read_timeout": "400ms",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_scaffold("acme-trade", tmp_path_factory.mktemp("acme"))


@pytest.fixture(scope="module")
def supplier_url() -> Iterator[str]:
    with serving(create_app(articles=50, settings={"ship_after": None})) as url:
        yield url


@pytest.fixture
def account(cli: CommandLine, database: Database, supplier_url: str, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("BTS_TOKEN", DEFAULT_TOKEN)
    configure(database, f"{supplier_url}/v1/api", "bts")
    return cli


def foreign(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "starter.cli", "adapter", *arguments]
    return subprocess.run(command, env=environment_with(site), cwd=site, capture_output=True, text=True, check=False)


def configure(database: Database, base_url: str, *suppliers: str) -> None:
    settings = {name: SETTINGS | {"base_url": base_url, "metafield_namespace": name} for name in suppliers}
    apply_configuration(database, suppliers=settings, routing={"priority": list(suppliers)})


def on_account(cli: CommandLine, *arguments: str, code: int = 0) -> dict[str, Any]:
    report = cli.json("adapter", "test", "btswholesaler", "--against", "account", *arguments, code=code)
    return {outcome["check"]: outcome["ok"] for outcome in report["outcomes"]}


def test_a_new_adapter_is_a_package_with_all_its_parts(cli: CommandLine, tmp_path: Path) -> None:
    made = cli.json("adapter", "new", "acme-trade", "--into", str(tmp_path))
    folder = tmp_path / "dropwright-acme-trade"
    assert (made["adapter"], made["package"], made["folder"]) == ("acme-trade", "dropwright_acme_trade", str(folder))
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == set(made["files"])
    parts = ("adapter", "requests", "replies", "simulator", "tests/test_contract", "tests/test_mapping")
    assert {f"dropwright_acme_trade/{part}.py" for part in parts} <= set(made["files"])
    assert not [path for path in folder.rglob("*") if path.is_file() and "@" in path.read_text("utf-8").split("\n")[0]]


def test_nothing_is_overwritten(cli: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "dropwright-acme"
    folder.mkdir()
    refused = cli.run("adapter", "new", "acme", "--into", str(tmp_path))
    assert refused.exit_code == 1
    assert "is there already; nothing was written" in refused.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["", "Acme", "2acme", "acme_trade", "acme-", "a--b", "../acme", "a" * 33, "ácme"])
def test_a_name_that_can_be_no_id_is_refused_by_what_can(cli: CommandLine, tmp_path: Path, name: str) -> None:
    refused = cli.run("adapter", "new", name, "--into", str(tmp_path))
    assert refused.exit_code == 1
    assert "e.g. acme-trade" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused_by_whose_it_is(cli: CommandLine, tmp_path: Path) -> None:
    refused = cli.run("adapter", "new", "btswholesaler", "--into", str(tmp_path))
    assert refused.exit_code == 1
    assert "already, of dropwright" in refused.stderr


@pytest.mark.parametrize("name", ["x", "acme", "a" * LONGEST_NAME, "northern-lights-trading"])
def test_what_is_made_is_clean_code(tmp_path: Path, name: str) -> None:
    named = naming(name)
    write_package(named, tmp_path)
    for command in (
        ["check", "--select", "E,F,I,B,UP,SIM,RUF,ANN,ARG,S", "--ignore", "S101,ANN401"],
        ["format", "--check"],
    ):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        done = subprocess.run(ruff, cwd=tmp_path / named.project, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_name_is_refused_before_anything_else() -> None:
    with pytest.raises(BadNameError):
        naming("acme\n")


def test_the_suite_of_an_installed_package_passes_as_it_was_made(site: Path) -> None:
    done = foreign(site, "test", "acme-trade", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["failed"]) == (0, []), done.stderr
    assert report["checks"] > 50


def test_a_suite_that_fails_is_exit_code_1_with_the_names_of_its_checks(site: Path, tmp_path: Path) -> None:
    faulty = copytree(site, tmp_path / "faulty")
    adapter = faulty / "dropwright_acme_trade" / "adapter.py"
    adapter.write_text(adapter.read_text().replace('code="no_feed"', 'code="none"'))
    done = foreign(
        faulty, "test", "acme-trade", "--only", "feed_that_is_not_there or an_order_that_is_not_there", "--json"
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["checks"]) == (1, 2)
    assert report["failed"] == ["test_a_feed_that_is_not_there_is_refused"]


def test_the_suite_is_that_of_the_package_wherever_one_stands(site: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    command = [sys.executable, "-P", "-m", "starter.cli", "adapter", "test", "acme-trade", "--only", "probe"]
    done = subprocess.run(
        command, env=environment_with(site), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "report.xml" not in done.stdout


def test_a_word_that_no_check_has_in_its_name_is_said_so(site: Path) -> None:
    done = foreign(site, "test", "acme-trade", "--only", "nonsense")
    assert done.returncode == 1
    assert "no check of acme-trade has 'nonsense' in its name" in done.stderr


def test_installed_adapters_are_listed_with_what_they_can_do(site: Path) -> None:
    listed = {row["adapter"]: row for row in json.loads(foreign(site, "list", "--json").stdout)}
    ours, theirs = listed["btswholesaler"], listed["acme-trade"]
    assert (ours["distribution"], ours["capabilities"]["doubt"], ours["documents"]) == ("dropwright", "none", False)
    assert (theirs["distribution"], theirs["distribution_version"]) == ("dropwright-acme-trade", "0.1.0")
    assert (theirs["capabilities"]["doubt"], theirs["capabilities"]["cancel"]) == ("look_up", True)


def test_every_adapter_is_in_the_table(cli: CommandLine) -> None:
    shown = cli.run("adapter", "list").stdout
    assert all(name in shown for name in load_plugins("suppliers"))


def test_an_adapter_that_is_not_there_has_no_suite(cli: CommandLine) -> None:
    refused = cli.run("adapter", "test", "nobody")
    assert refused.exit_code == 1
    assert "there is no supplier adapter nobody" in refused.stderr


def test_an_account_is_asked_what_is_harmless_and_nothing_is_ordered(account: CommandLine, supplier_url: str) -> None:
    outcomes = on_account(account, "--ean", plain_eans()[0])
    assert outcomes.pop("a look-up proves nothing false") is None
    assert outcomes.pop("a test order is taken, and not acknowledged") is None
    assert set(outcomes.values()) == {True}


def test_a_test_order_is_placed_where_it_was_asked_for(account: CommandLine) -> None:
    outcomes = on_account(account, "--ean", plain_eans()[0], "--place-test-order")
    assert outcomes["a test order is taken, and not acknowledged"] is True


def test_what_fails_on_an_account_is_said_and_is_exit_code_1(account: CommandLine) -> None:
    outcomes = on_account(account, "--ean", UNKNOWN_EAN, code=1)
    assert outcomes["articles are known"] is False
    assert outcomes["it serves us"] is True


def test_an_account_that_is_away_fails_each_check_by_itself(cli: CommandLine, database: Database) -> None:
    configure(database, nowhere(), "bts")
    report = cli.json("adapter", "test", "btswholesaler", "--against", "account", code=1)
    assert "it serves us" in report["failed"]
    assert "NotSent" in report["outcomes"][0]["said"]


def test_settings_that_an_adapter_does_not_take_are_said_so(cli: CommandLine, database: Database) -> None:
    options = {"options": {"colour": "red"}, "base_url": nowhere(), "metafield_namespace": "bts"}
    apply_configuration(database, suppliers={"bts": SETTINGS | options}, routing={"priority": ["bts"]})
    refused = cli.run("adapter", "test", "btswholesaler", "--against", "account")
    assert refused.exit_code == 1
    assert "does not take these settings: supplier bts: no such options: colour" in refused.stderr


def test_which_account_is_meant_must_be_said_where_there_are_two(cli: CommandLine, database: Database) -> None:
    configure(database, nowhere(), "bts", "two")
    refused = cli.run("adapter", "test", "btswholesaler", "--against", "account")
    assert refused.exit_code == 1
    assert "name one of bts, two with --supplier" in refused.stderr


@pytest.mark.parametrize("name", ["none", "true", "pace", "supplier", "lookup", "any"])
def test_a_name_that_python_or_the_package_itself_knows_makes_an_adapter_that_works(tmp_path: Path, name: str) -> None:
    named = naming(name)
    write_package(named, tmp_path)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path / named.project}{os.pathsep}{project_dir()}"}
    build = (
        f"from {named.module}.adapter import CAPABILITIES, PLUGIN, Supplier; "
        'settings = Supplier.model_validate({"adapter": PLUGIN.id, "display_name": "X", "base_url": "http://127.0.0.1:9", '
        '"token_env": "TOKEN", "metafield_namespace": "xxx", "calls_per_second": 5}); '
        'PLUGIN.build(settings=settings, supplier_id="x", secrets=lambda _: "x", sink=lambda _: None).close()'
    )
    done = subprocess.run([sys.executable, "-c", build], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_a_new_adapters_readme_says_to_configure_is_valid(cli: CommandLine, tmp_path: Path) -> None:
    write_package(naming("cj"), tmp_path)
    readme = (tmp_path / "dropwright-cj" / "README.md").read_text("utf-8")
    table = dedent(readme.partition("```toml\n")[2].partition("```")[0])
    usual = document(suppliers=tomllib.loads(table)["suppliers"], routing={"priority": ["cj"]})
    assert Configuration.model_validate(usual).suppliers["cj"].metafield_namespace == "dropwright-cj"


@pytest.mark.parametrize("number", ["SO-1001/2", "SO-1001#2", "SO-1001?x=1", "../stock"])
def test_a_number_with_signs_of_an_address_in_it_leads_to_no_other_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    write_package(naming("pathly"), tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "dropwright-pathly")
    adapter = import_module("dropwright_pathly.adapter")
    asked: list[str] = []

    class Api:
        def ask(self, _operation: str, _method: str, path: str) -> httpx.Response:
            asked.append(str(httpx.URL("http://vendor.example/v1/").join(path)))
            return httpx.Response(404, json={"error": "unknown_order"})

    port = adapter.PathlyPort(api=Api(), supplier_id="x", settings=None)
    for call in (port.fetch_order, port.cancel_order):
        with pytest.raises(Refused, match="order_not_found"):
            call(number)
    assert {url.rpartition("/")[0] for url in asked} == {"http://vendor.example/v1/orders"}
    assert not [url for url in asked if "#" in url or "?" in url]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("acme-trade = dropwright_acme_trade.adapter:PLUGINS", "has no attribute 'PLUGINS'"),
        ("acme-trade = dropwright_acme_trade.adaptor:PLUGIN", "No module named 'dropwright_acme_trade.adaptor'"),
        ("acme-trade = dropwright_acme_trade.adapter:build", "is no Plugin, but of type function"),
    ],
)
def test_a_suite_does_not_pass_where_the_product_would_not_find_the_adapter(
    site: Path, tmp_path: Path, entry: str, said: str
) -> None:
    wrong = copytree(site, tmp_path / "wrong")
    (points,) = wrong.glob("*.dist-info/entry_points.txt")
    points.write_text(f"[dropwright.suppliers]\n{entry}\n")
    done = foreign(wrong, "test", "acme-trade", "--only", "probe")
    assert done.returncode == 1
    assert said in done.stderr
    assert "passed" not in done.stdout


def test_a_plugin_whose_id_is_not_its_entry_points_is_told_which_is_which(site: Path, tmp_path: Path) -> None:
    wrong = copytree(site, tmp_path / "wrong")
    (points,) = wrong.glob("*.dist-info/entry_points.txt")
    points.write_text("[dropwright.suppliers]\nacme = dropwright_acme_trade.adapter:PLUGIN\n")
    done = foreign(wrong, "list")
    assert done.returncode == 1
    assert "its `id` is 'acme-trade'; give it and its entry point one name" in done.stderr


def test_an_adapter_annotated_for_a_type_checker_alone_is_listed(site: Path, tmp_path: Path) -> None:
    annotated = copytree(site, tmp_path / "annotated")
    adapter = annotated / "dropwright_acme_trade" / "adapter.py"
    adapter.write_text(adapter.read_text().replace("-> AcmeTradePort:", '-> "NowhereToBeFound":'))
    done = foreign(annotated, "list", "--json")
    assert done.returncode == 0, done.stderr
    listed = {row["adapter"]: row for row in json.loads(done.stdout)}
    assert listed["acme-trade"]["capabilities"] is None


def test_an_exception_of_an_adapters_own_fails_that_check_and_tells_nothing_of_the_account() -> None:
    class Strange:
        def probe(self) -> None:
            raise KeyError("what the account answered")

        def check(self, _eans: object) -> list[object]:
            return []

        def __getattr__(self, name: str) -> object:
            raise RuntimeError(f"no {name} either")

    outcomes = {one.check: one for one in look_at(Account(port=cast("SupplierPort", Strange())))}
    assert (outcomes["it serves us"].ok, outcomes["nothing is wrong with the account"].ok) == (False, True)
    assert "raises KeyError" in outcomes["it serves us"].said
    assert "what the account answered" not in outcomes["it serves us"].said


def test_a_build_that_takes_something_else_is_said_so_in_one_line(
    account: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Plugin(id="btswholesaler", group="suppliers", build=lambda *, settings: settings)
    monkeypatch.setattr("starter.commands.adapters.load_plugins", lambda _group: {"btswholesaler": broken})
    refused = account.run("adapter", "test", "btswholesaler", "--against", "account")
    assert refused.exit_code == 1
    assert "can't be built: it raises TypeError" in refused.stderr
    assert "settings, supplier_id, secrets, sink" in refused.stderr


def test_a_country_that_is_none_is_said_so(account: CommandLine) -> None:
    refused = account.run("adapter", "test", "btswholesaler", "--against", "account", "--country", "Spain")
    assert refused.exit_code == 2
    assert "two letters" in refused.stderr
