"""Every question this project ships, in its pages, its code and its bench, is answered by a compiled statement."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
)

from api.graphql.compiled.stream import Span
from api.graphql.engine import Request, documents
from tests.compiled.conftest import Ground
from tests.followed import BEGINNING, END, opened
from tests.isolation.inputs import TYPES
from tests.stage import caller

ROOT = Path(__file__).parent.parent.parent
PLACES = ("README.md", "docs/**/*.md", "api/**/*.py", "bench/questions/*.graphql")
ROOTS = {OperationType.QUERY: "Query", OperationType.SUBSCRIPTION: "Subscription"}
BEGINS = re.compile(r"(?:\b(?:query|fragment|subscription)\b[^{}'`\"]*)?\{")


def shipped() -> list[Any]:
    """Give every question with where it stands."""
    found = []
    for place in PLACES:
        for file in sorted(ROOT.glob(place)):
            found += [
                pytest.param(text, id=f"{file.relative_to(ROOT)}:{number}")
                for number, text in enumerate(dict.fromkeys(questions(file)), 1)
            ]
    return found


def questions(file: Path) -> Iterator[str]:
    """Give the questions of a file."""
    for text in _texts(file):
        end = 0
        for begin in BEGINS.finditer(text):
            if begin.start() >= end and (found := _document(text, begin)):
                end = begin.start() + len(found)
                yield found


def _texts(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        return [text]
    nodes = ast.walk(ast.parse(text))
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _document(text: str, begin: re.Match[str]) -> str | None:
    """Give the text from a brace to the one that closes it, where that asks something of ours."""
    depth = 0
    for at in range(begin.end() - 1, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            found = text[begin.start() : at + 1]
            return found if _asks(found) else None
    return None


def _asks(text: str) -> bool:
    try:
        operation = _operation(parse(text))
    except GraphQLSyntaxError:
        return False
    root = ROOTS.get(operation.operation) if operation else None
    if operation is None or root is None:
        return False
    asked = operation.selection_set.selections
    return any(isinstance(field, FieldNode) and field.name.value in TYPES[root].fields for field in asked)


def _operation(document: DocumentNode) -> OperationDefinitionNode | None:
    return get_operation_ast(document)


@pytest.mark.parametrize("document", shipped())
def test_a_shipped_question_is_compiled(rich: Ground, document: str) -> None:
    operation = _operation(parse(document))
    assert operation
    if operation.operation is OperationType.SUBSCRIPTION:
        following = rich.runner.run(opened(rich.engine, caller("AUDITOR"), document))
        assert following._statement
        assert rich.runner.run(following.told(Span(BEGINNING, END, 1)))
        return
    fitting = {"ID!": rich.world.of("System")[0].id, "String!": "Y60"}
    stated = [(each.variable.name.value, each.type) for each in operation.variable_definitions or ()]
    variables = {name: fitting[f"{kind.type.name.value}!"] for name, kind in stated}  # type: ignore[attr-defined] # all are required
    prepared = documents.read(document).operation(None, variables)
    request = Request(document, variables, None, "shipped")
    answer = rich.runner.run(rich.engine.compiled(request, prepared, caller("AUDITOR")))
    assert json.loads(answer.body)["data"]


def test_documents_are_found_wherever_they_are_shipped() -> None:
    ids = [str(each.id) for each in shipped()]
    for place in ("README.md", "api/demo/screen.py", "bench/questions/Q1.graphql", "bench/questions/F1.graphql"):
        assert any(each.startswith(place) for each in ids), (place, ids)
