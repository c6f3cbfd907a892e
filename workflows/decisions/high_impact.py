"""Which rules of a changed configuration a second person must have approved."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.routing_faults import LINE_SETTINGS, ORDER_SETTINGS

Document = Mapping[str, Any]


def high_impact_changes(before: Document, after: Document) -> list[str]:
    """Name the rules marked ``high_impact`` that are added, changed or removed; documents are as versions are stored.

    A rule that is itself unchanged is changed by one above it that sets the same: of two that fit, the first counts.
    The mark of either side suffices, so taking it away needs a second person as well.
    """
    old, new = _marked(before), _marked(after)
    return [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]


def _marked(document: Document) -> dict[str, list[Document]]:
    """Map each marked rule to itself and what stands before it."""
    rules = _rules(document)
    return {
        rule["name"]: [rule, *(one for one in rules[:number] if _sets(one) & _sets(rule))]
        for number, rule in enumerate(rules)
        if rule.get("high_impact")
    }


def _rules(document: Document) -> Sequence[Document]:
    rules: Sequence[Document] = document.get("routing", {}).get("rules", ())
    return rules


def _sets(rule: Document) -> set[str]:
    return {name for name in (*LINE_SETTINGS, *ORDER_SETTINGS) if rule.get(name) is not None}
