import ast
import inspect
import json
import re
import tomllib

import pytest

from adapters import errors
from adapters.ports import ExchangingPort, ListeningPort, SupplierPort
from models.commands import Command, CommandName
from models.configuration import Channel, Configuration, Supplier
from models.statuses import ORDER_ENDINGS, PURCHASE_ORDER_ENDINGS
from models.suppliers import Capabilities
from models.tasks import TaskCategory, TaskDraft
from sandbox.faults import Kind
from tests.docs.reading import PAGES, Block, blocks, named, read, rows
from workflows import search_attributes
from workflows.decisions import presentation, questions

SYSTEM_ATTRIBUTES = {"WorkflowType", "ExecutionStatus", "StartTime", "CloseTime", "WorkflowId"}
_QUERY = re.compile(r"`([A-Z][A-Za-z]+ ?(?:=|>=|IN )[^`]+)`")
_ATTRIBUTE = re.compile(r"([A-Z][A-Za-z]+) ?(?:=|>=|IN )")
_ANSWERED = re.compile(r"((?:[a-z_]{4,}(?:,|<br/>| )+)+)<i>(.+?)</i>")


class _AnyFact(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return name


def _draft(category: TaskCategory) -> TaskDraft:
    return questions.draft(category, _AnyFact())


def _answers(category: TaskCategory) -> set[str]:
    return {str(one.command) for one in _draft(category).alternatives if one.command is not None}


def test_every_saved_filter_asks_for_attributes_that_exist() -> None:
    known = {key.name for key in search_attributes.ALL} | SYSTEM_ATTRIBUTES
    queries = {query for page in PAGES for query in _QUERY.findall(page.read_text("utf-8"))}
    assert len(queries) > 10
    for query in queries:
        assert set(_ATTRIBUTE.findall(query)) <= known, query


def test_the_readmes_filters_are_those_of_the_operators_guide() -> None:
    guide = {row[0]: row[1] for row in rows(read("docs/operators.md"), 2)}
    filters = {row[0]: row[1] for row in rows(read("README.md"), 2) if _QUERY.match(row[1])}
    assert filters
    assert filters.items() <= guide.items()


def test_a_filter_for_a_reason_or_a_stage_names_one_that_exists() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES)
    assert set(re.findall(r'AttentionReason="(\w+)"', text)) <= set(TaskCategory)
    assert set(re.findall(r'OrderStage="(\w+)"', text)) <= _stages()


def _stages() -> set[str]:
    endings = {state.replace("_", " ").title().replace(" ", "") for state in ORDER_ENDINGS | PURCHASE_ORDER_ENDINGS}
    return set(presentation._STAGES) | endings


@pytest.mark.parametrize("stage", sorted(_stages()))
def test_every_stage_is_in_the_lifecycle_diagram(stage: str) -> None:
    (diagram,) = (block for block in blocks("mermaid") if block.page.name == "lifecycle.md")
    assert re.search(rf"\b{stage}\b", diagram.text)


def test_the_lifecycle_diagram_offers_only_answers_that_a_question_takes() -> None:
    (diagram,) = (block for block in blocks("mermaid") if block.page.name == "lifecycle.md")
    asked = _ANSWERED.findall(diagram.text)
    assert len(asked) > 8
    for categories, answers in asked:
        possible = set().union(*(_answers(TaskCategory(name)) for name in re.findall(r"[a-z_]{4,}", categories)))
        assert set(re.findall(r"[a-z_]{4,}", answers)) <= possible, categories


def test_every_question_that_a_lifecycle_waits_for_is_in_its_page() -> None:
    page = read("docs/lifecycle.md")
    assert [category for category in TaskCategory if _answers(category) and category not in page] == []


def test_the_operators_guide_explains_every_question_with_its_priority() -> None:
    explained = {row[0].strip("`"): row for row in rows(read("docs/operators.md"), 4)}
    for category in TaskCategory:
        draft = _draft(category)
        note = "" if _answers(category) else ", *note*"
        assert category in explained, f"{category} is not explained"
        assert explained[category][1] == f"{draft.priority}{note}", category


def test_the_operators_guide_offers_only_answers_that_the_question_takes() -> None:
    for row in rows(read("docs/operators.md"), 4):
        offered = set(re.findall(r"`([a-z_]+)`", row[3])) & set(CommandName)
        assert offered <= _answers(TaskCategory(row[0].strip("`"))), row[0]


def test_every_command_is_in_the_glossary() -> None:
    glossary = read("docs/glossary.md")
    assert [name for name in CommandName if f"`{name}`" not in glossary] == []


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: named(block.page))
def test_every_command_in_json_is_one_that_is_taken(block: Block) -> None:
    assert Command.model_validate(json.loads(block.text))


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: named(block.page))
def test_every_piece_of_configuration_is_valid(block: Block) -> None:
    document = tomllib.loads(block.text)
    for channel in document.get("channels", {}).values():
        Channel.model_validate(channel)
    for supplier in document.get("suppliers", {}).values():
        Supplier.model_validate(supplier)
    assert set(document) <= {*Configuration.model_fields, "project"}


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: named(block.page))
def test_every_piece_of_python_can_be_read(block: Block) -> None:
    assert ast.parse(block.text).body


def test_the_integrators_guide_names_the_whole_port_and_every_failure() -> None:
    guide = read("docs/adapters.md")
    ports = (SupplierPort, ListeningPort, ExchangingPort)
    members = [name for port in ports for name, _ in inspect.getmembers(port) if not name.startswith("_")]
    assert [name for name in members if name != "close" and f"`{name}" not in guide] == []
    assert [name for name in Capabilities.model_fields if f"`{name}`" not in guide] == []
    assert [name for name in Kind if f"`{name}`" not in guide] == []
    for_orders = {"NotSent", "Throttled", "Refused", "AccountHold", "AuthenticationFailed", "Doubtful", "Unavailable"}
    assert all(f"`{name}" in guide and hasattr(errors, name) for name in for_orders)
