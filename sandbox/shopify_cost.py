"""What a GraphQL call costs in the simulated shop, and the leaky bucket it is paid from.

An object costs 1, a connection as many as it asks for, a mutation 10; leaves are free. A call must find its worst case
in the bucket, and pays what it really returned, a mutation its 10 at least.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
    is_list_type,
)
from graphql.type import get_nullable_type

MAX_QUERY_COST = 1_000
MUTATION_COST = 10
BUCKET_SECONDS = 20  # a bucket holds what is restored in this time
UNSIZED_LIST = 10


@dataclass
class Bucket:
    """The points of one app in one shop; ``per_second`` None means that nothing is ever throttled."""

    per_second: float | None = None
    _level: float = field(default=0.0, init=False)  # points used and not yet restored
    _seen_at: float = field(default_factory=time.monotonic, init=False)

    @property
    def size(self) -> float:
        """How many points the full bucket holds."""
        return (self.per_second or 100.0) * BUCKET_SECONDS

    def holds(self, points: float) -> bool:
        """Say whether a call of this worst case may run now."""
        return self.per_second is None or points <= self.available()

    def take(self, points: float) -> None:
        """Pay for a call."""
        self._restore()
        if self.per_second is not None:
            self._level = min(self._level + points, self.size)

    def available(self) -> float:
        """How many points are there now."""
        self._restore()
        return self.size - self._level

    def report(self, requested: int, actual: int | None) -> dict[str, Any]:
        """Write ``extensions.cost``."""
        return {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": self.size,
                "currentlyAvailable": int(self.available()),
                "restoreRate": self.per_second or 100.0,
            },
        }

    def _restore(self) -> None:
        now = time.monotonic()
        self._level = max(self._level - (now - self._seen_at) * (self.per_second or 0), 0.0)
        self._seen_at = now


def requested_cost(schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> int:
    """Work out the worst case of a valid document."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    walk = _Walk(schema, fragments, variables)
    total = mutation_cost(document)
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode) and operation.operation.value != "mutation":
            root = schema.get_root_type(operation.operation)
            assert root is not None
            total += walk.selections(operation.selection_set, root)
    return total


def mutation_cost(document: DocumentNode) -> int:
    """Work out what a document's mutations cost, whatever they return."""
    mutations = (
        one
        for one in document.definitions
        if isinstance(one, OperationDefinitionNode) and one.operation.value == "mutation"
    )
    return sum(MUTATION_COST * len(one.selection_set.selections) for one in mutations)


def actual_cost(data: Any) -> int:
    """Count the objects that were returned."""
    if isinstance(data, list):
        return sum(actual_cost(item) for item in data)
    if not isinstance(data, dict):
        return 0
    return 1 + sum(actual_cost(value) for name, value in data.items() if name != "pageInfo")


@dataclass(frozen=True)
class _Walk:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def selections(self, selected: SelectionSetNode, parent: GraphQLObjectType | GraphQLInterfaceType) -> int:
        total = 0
        for node in selected.selections:
            if isinstance(node, FieldNode):
                total += self._field(node, parent)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                total += self.selections(fragment.selection_set, self._type(fragment.type_condition.name.value))
            elif isinstance(node, InlineFragmentNode):
                of_type = node.type_condition
                total += self.selections(node.selection_set, self._type(of_type.name.value) if of_type else parent)
        return total

    def _type(self, name: str) -> GraphQLObjectType | GraphQLInterfaceType:
        found = self.schema.type_map[name]
        assert isinstance(found, (GraphQLObjectType, GraphQLInterfaceType))
        return found

    def _field(self, node: FieldNode, parent: GraphQLObjectType | GraphQLInterfaceType) -> int:
        definition = parent.fields.get(node.name.value)
        if definition is None or node.selection_set is None or is_leaf_type(get_named_type(definition.type)):
            return 0
        kind = get_named_type(definition.type)
        assert isinstance(kind, (GraphQLObjectType, GraphQLInterfaceType))
        inner = self.selections(node.selection_set, kind)
        if kind.name == "PageInfo":
            return 0
        if kind.name.endswith("Connection"):
            return inner * self._size(node)
        if node.name.value == "nodes" and not node.arguments:
            return 1 + inner
        return (1 + inner) * (self._size(node) if is_list_type(get_nullable_type(definition.type)) else 1)

    def _size(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            name, value = argument.name.value, argument.value
            if name == "first" and isinstance(value, IntValueNode):
                return int(value.value)
            if name == "first" and isinstance(value, VariableNode):
                return int(self.variables.get(value.name.value) or UNSIZED_LIST)
            if name == "names" and isinstance(value, ListValueNode):
                return len(value.values)
            if name == "ids" and isinstance(value, VariableNode):
                return len(self.variables.get(value.name.value) or range(UNSIZED_LIST))
        return UNSIZED_LIST
