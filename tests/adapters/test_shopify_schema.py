"""Holds what we say to Shopify, and what the simulated shop answers, against Shopify's own schema of 2026-10.

The schema comes from npm (``@shopify/dev-mcp`` carries its introspection, about 1 MB of a 14 MB package), once.
"""

import gzip
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_client_schema,
    parse,
    validate,
)
from graphql.validation import NoDeprecatedCustomRule

from adapters.storefronts.shopify import documents
from adapters.storefronts.shopify.transport import operation_name
from sandbox.shopify_cost import requested_cost
from sandbox.shopify_graphql import schema as simulated_schema
from starter.places import cache_dir

PACKAGE = "@shopify/dev-mcp@1.16.0"
MEMBER = f"package/dist/data/admin_{documents.API_VERSION}.json.gz"
DOCUMENTS = {
    operation_name(text): text
    for name, text in vars(documents).items()
    if name.isupper() and not name.startswith("_") and isinstance(text, str) and "{" in text
}
# The simulated shop keeps these two as scalars: their lists are long and keep changing.
LONG_ENUMS = {"CountryCode", "CurrencyCode"}


@pytest.fixture(scope="session")
def shopify_schema() -> GraphQLSchema:
    kept = cache_dir() / "shopify" / Path(MEMBER).name
    if not kept.exists():
        fetch_introspection(kept)
    introspection = json.loads(gzip.decompress(kept.read_bytes()))
    # Shopify's schema breaks a rule of GraphQL's own (deprecated fields of interfaces): that is not for us to judge.
    return build_client_schema(introspection.get("data", introspection), assume_valid=True)


def fetch_introspection(target: Path) -> None:
    npm = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    assert npm, f"npm is needed once, to fetch {PACKAGE} with Shopify's schema: install Node.js, or put npm on PATH"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        command = [npm, "pack", PACKAGE, "--pack-destination", folder, "--silent"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder)
        assert done.returncode == 0, f"npm could not fetch {PACKAGE}: {done.stderr.strip()[-500:]}"
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            member = archive.extractfile(MEMBER)
            assert member is not None
            fresh = Path(folder) / "fresh"
            fresh.write_bytes(member.read())
        fresh.replace(target)


def test_every_document_is_found() -> None:
    assert len(DOCUMENTS) == 26
    assert {"OrderFacts", "PaidOrders", "CreateFulfillment", "SetMetafield", "SetQuantities"} <= set(DOCUMENTS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_shopify_itself_would_accept_the_document(name: str, shopify_schema: GraphQLSchema) -> None:
    assert validate(shopify_schema, parse(DOCUMENTS[name])) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_document_uses_what_shopify_has_deprecated(name: str, shopify_schema: GraphQLSchema) -> None:
    assert validate(shopify_schema, parse(DOCUMENTS[name]), [NoDeprecatedCustomRule]) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_simulated_shop_accepts_the_document(name: str) -> None:
    assert validate(simulated_schema(), parse(DOCUMENTS[name])) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_worst_case_of_the_document_stays_below_shopifys_limit(name: str) -> None:
    assert requested_cost(simulated_schema(), parse(DOCUMENTS[name]), {}) <= documents.MAX_QUERY_COST


def test_the_simulated_schema_is_a_part_of_shopifys(shopify_schema: GraphQLSchema) -> None:
    assert list(differences(simulated_schema(), shopify_schema)) == []


def test_a_page_of_listings_is_as_large_as_its_cost_allows_and_no_larger() -> None:
    asked = {"ids": ["gid://shopify/ProductVariant/1"] * documents.LISTINGS_PAGE}
    for name in ("Listings", "ListingsById"):
        cost = requested_cost(simulated_schema(), parse(DOCUMENTS[name]), asked)
        assert documents.MAX_QUERY_COST / 2 < cost <= documents.MAX_QUERY_COST
    assert f"first: {documents.LISTINGS_PAGE}" in documents.LISTINGS


def test_the_simulated_directive_is_shopifys(shopify_schema: GraphQLSchema) -> None:
    ours, theirs = (one.get_directive("idempotent") for one in (simulated_schema(), shopify_schema))
    assert ours is not None
    assert theirs is not None
    assert {name: str(one.type) for name, one in ours.args.items()} == {"key": "String!"}
    assert {name: str(one.type) for name, one in theirs.args.items()} == {"key": "String!"}
    assert ours.locations == theirs.locations


def test_a_field_that_shopify_does_not_have_is_noticed(shopify_schema: GraphQLSchema) -> None:
    invented = parse("query Invented($id: ID!) { order(id: $id) { barcode } }")
    assert validate(shopify_schema, invented)


def differences(simulated: GraphQLSchema, real: GraphQLSchema) -> Iterator[str]:
    for name, ours in simulated.type_map.items():
        theirs = real.type_map.get(name)
        if name.startswith("__"):
            continue
        if isinstance(ours, GraphQLEnumType):
            assert isinstance(theirs, GraphQLEnumType)
            yield from (f"{name}.{value}" for value in ours.values if value not in theirs.values)
        elif isinstance(ours, GraphQLScalarType):
            if not isinstance(theirs, GraphQLEnumType if name in LONG_ENUMS else GraphQLScalarType):
                yield name
        elif isinstance(ours, (GraphQLObjectType, GraphQLInputObjectType)):
            assert isinstance(theirs, type(ours)), name
            yield from field_differences(name, ours, theirs)


def field_differences(name, ours, theirs) -> Iterator[str]:
    for field_name, field in ours.fields.items():
        other = theirs.fields.get(field_name)
        if other is None or str(field.type) != str(other.type):
            yield f"{name}.{field_name}: {field.type}, Shopify: {other and other.type}"
            continue
        arguments = getattr(field, "args", {})
        for argument_name, argument in arguments.items():
            known = other.args.get(argument_name)
            if known is None or str(argument.type) != str(known.type):
                yield f"{name}.{field_name}({argument_name})"
        for argument_name, known in getattr(other, "args", {}).items():
            required = str(known.type).endswith("!") and known.default_value is None
            if required and argument_name not in arguments:
                yield f"{name}.{field_name} lacks the required argument {argument_name}"
    if isinstance(theirs, GraphQLInputObjectType):
        for field_name, known in theirs.fields.items():
            if str(known.type).endswith("!") and field_name not in ours.fields:
                yield f"{name} lacks the required field {field_name}"
