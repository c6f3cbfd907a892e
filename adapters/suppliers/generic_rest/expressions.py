"""JMESPath as the merchant writes it: compiled when the configuration is read, evaluated over answers. Pure.

Numbers with a fraction reach expressions as text, so that no cent is lost to a binary float.
"""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from pydantic import AfterValidator, StringConstraints

from adapters.errors import UnexpectedReply
from adapters.suppliers.json_answers import parse
from models.faults import suggest

LONGEST = 1_000  # characters


class _Functions(Functions):  # type: ignore[misc]
    """What suppliers' answers need beyond the standard's functions."""

    @signature({"types": ["string"]}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_split(self, text: str, separator: str) -> list[str]:
        return [part.strip() for part in text.split(separator or " ") if part.strip()]

    @signature({"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_lower(self, text: str) -> str:
        return text.lower()

    @signature({"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_upper(self, text: str) -> str:
        return text.upper()

    @signature({"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_trim(self, text: str) -> str:
        return text.strip()


_OPTIONS = jmespath.Options(custom_functions=_Functions())


@cache
def _compiled(text: str) -> Any:
    return jmespath.compile(text)


def _compiles(text: str) -> str:
    try:
        parsed = _compiled(text).parsed
    except JMESPathError as error:
        reason = str(error).split("\n", 1)[0].removesuffix(":")
        raise ValueError(f"is no JMESPath expression: {reason[:200]}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    for mistake in _wrong_calls(parsed):
        raise ValueError(mistake)
    return text


def _wrong_calls(node: Any) -> Iterator[str]:
    """Find calls that could only fail: compiling takes any name and any number of arguments."""
    if not isinstance(node, dict):  # the numbers of a slice
        return
    if node["type"] == "function_expression" and (mistake := _mistake(node["value"], len(node["children"]))):
        yield mistake
    for child in node["children"]:
        yield from _wrong_calls(child)


def _mistake(name: str, arguments: int) -> str:
    known = _Functions.FUNCTION_TABLE
    if name not in known:
        return f"calls {name}, which is no function: {suggest(name, known, kind='function')}"
    takes = known[name]["signature"]
    if arguments == len(takes) or (arguments > len(takes) and takes[-1].get("variadic")):
        return ""
    return f"calls {name} with {arguments} arguments: it takes {len(takes)}"


Expression = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST), AfterValidator(_compiles)]


def evaluate(operation: str, name: str, expression: str, document: Any) -> Any:
    """Evaluate over an answer; null where there is nothing. Raises UnexpectedReply naming the setting."""
    try:
        return _compiled(expression).search(document, options=_OPTIONS)
    except (JMESPathError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        message = f"{operation}: {name} can't be evaluated over this answer"
        raise UnexpectedReply(message, code="unexpected_shape") from None


def read_json(operation: str, text: str) -> Any:
    """Parse an answer. Raises UnexpectedReply."""
    return parse(operation, text, amounts=str)
