"""Turn the OpenAPI document into what a page of reference shows. PURE."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

Document = Mapping[str, Any]

_AGENTS = "Agents"
_REFERENCE = "#/components/schemas/"
_DEEPEST_SAMPLE = 3


@dataclass(frozen=True, slots=True)
class Member:
    """A parameter, or a member of a document. `model` is the schema that its type refers to."""

    name: str
    kind: str
    model: str
    required: bool
    notes: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One status with what it means, and the schema or the kinds of file that it brings."""

    status: str
    text: str
    model: str
    files: tuple[str, ...]

    @property
    def fine(self) -> bool:
        """Tell whether it is no refusal."""
        return self.status.startswith("2")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address."""

    anchor: str
    method: str
    path: str
    tag: str
    summary: str
    asks: str
    licensed: bool
    parameters: tuple[Member, ...]
    body: str
    answers: tuple[Answer, ...]
    example: str

    @property
    def label(self) -> str:
        """Return the address without what all of its tag begin with."""
        return "/" + "/".join(self.path.split("/")[4:])


@dataclass(frozen=True, slots=True)
class Schema:
    """A document that operations take or answer; one with values is a word of them."""

    name: str
    text: str
    members: tuple[Member, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The whole API: operations by tag, each tag with those of its operations, and schemas."""

    about: str
    version: str
    tags: tuple[tuple[str, tuple[Operation, ...]], ...]
    schemas: tuple[Schema, ...]


def read_reference(document: Document) -> Reference:
    """Return what the page shows of an OpenAPI document of ours."""
    operations = sorted(_operations(document), key=_place)
    grouped = groupby(operations, key=lambda each: each.tag)
    schemas = document["components"]["schemas"]
    return Reference(
        document["info"]["description"],
        document["info"]["version"],
        tuple((tag, tuple(found)) for tag, found in grouped),
        tuple(_schema(name, schema) for name, schema in schemas.items()),
    )


def _place(operation: Operation) -> tuple[bool, str, str, str]:
    """Return the order of operations: people's before agents', then by tag and address."""
    return operation.tag == _AGENTS, operation.tag, operation.path, operation.method


def _operations(document: Document) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {})
            model = _model(body["application/json"]["schema"]) if body else ""
            answers = tuple(_answers(operation["responses"]))
            yield Operation(
                anchor=operation["operationId"],
                method=method.upper(),
                path=path,
                tag=operation["tags"][0],
                summary=operation["summary"],
                asks=_asks(operation),
                licensed="402" in operation["responses"],
                parameters=tuple(
                    _member(each["name"], each["schema"], each) for each in operation["parameters"]
                ),
                body=model,
                answers=answers,
                example=_example(document, path, method.upper(), operation, model),
            )


def _answers(responses: Document) -> Iterator[Answer]:
    for status, response in responses.items():
        if "$ref" in response:
            continue
        content = response.get("content", {})
        plain = content.get("application/json") or content.get("application/problem+json")
        files = () if plain else tuple(content)
        yield Answer(
            status, response["description"], _model(plain["schema"]) if plain else "", files
        )


def _asks(operation: Document) -> str:
    """Return whom the operation hears."""
    names = {name for scheme in operation["security"] for name in scheme}
    if not names:
        return "anybody, without a token"
    if "deviceToken" in names:
        return "a device: its certificate or its device token"
    if {} in operation["security"]:
        return "anybody; a token of an admin is told more"
    return "an admin's API token" if "403" in operation["responses"] else "an API token of any role"


def _schema(name: str, schema: Document) -> Schema:
    required = schema.get("required", ())
    members = schema.get("properties", {}).items()
    return Schema(
        name,
        schema.get("description", ""),
        tuple(_member(each, of, {**of, "required": each in required}) for each, of in members),
        tuple(map(str, schema.get("enum", ()))),
    )


def _member(name: str, schema: Document, described: Document) -> Member:
    return Member(
        name,
        _kind(schema),
        _model(schema),
        bool(described.get("required")),
        "; ".join(_notes(schema)),
        described.get("description", ""),
    )


def _kind(schema: Document) -> str:
    """Return a type in words: "list of text", "whole number or null"."""
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "$ref" in schema:
        return _model(schema)
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if "format" in schema:
        return _FORMATS.get(schema["format"], str(schema["format"]))
    return _TYPES.get(schema.get("type", ""), "anything")


_FORMATS = {"date-time": "time", "date": "date"}
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}


def _model(schema: Document) -> str:
    """Return the name of the one schema that a type refers to, however deep; empty for none."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REFERENCE)
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]
    names = [_model(each) for each in inner]
    return next((name for name in names if name), "")


def _notes(schema: Document) -> Iterator[str]:
    if "enum" in schema:
        yield "one of " + ", ".join(str(value) for value in schema["enum"] if value != "")
    if "minimum" in schema and "maximum" in schema:
        yield f"{schema['minimum']} to {schema['maximum']}"
    elif "minimum" in schema:
        yield f"at least {schema['minimum']}"
    if "maxLength" in schema:
        yield f"at most {schema['maxLength']:,} characters"
    if schema.get("default") not in (None, "", [], 0):
        yield f"{schema['default']} if left out"


def _example(document: Document, path: str, method: str, operation: Document, body: str) -> str:
    """Return a command line that asks for the operation."""
    address = "$SENTARI" + re.sub(r"{(\w+)}", lambda found: "$" + found[1].upper(), path)
    needed = [each["name"] for each in operation["parameters"] if _is_needed(each)]
    query = "".join(f" \\\n  --data-urlencode '{name}=...'" for name in needed)
    parts = [f'curl -s{" -G" if query else ""} "{address}"{query}']
    if method not in ("GET", "POST") or (method == "POST" and not body):
        parts.append(f"-X {method}")
    names = {name for scheme in operation["security"] for name in scheme}
    if "deviceToken" in names:
        parts.append('-H "Authorization: Bearer $DEVICE_TOKEN"')
    elif names and {} not in operation["security"]:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if body:
        sample = json.dumps(_sample(document, {"$ref": _REFERENCE + body}, 0))
        parts += ["-H 'Content-Type: application/json'", f"-d '{sample}'"]
    return " \\\n  ".join(parts)


def _is_needed(parameter: Document) -> bool:
    return parameter["in"] == "query" and bool(parameter.get("required"))


def _sample(document: Document, schema: Document, depth: int) -> Any:
    """Return the smallest value that the schema takes, with dots where a text would stand."""
    if "$ref" in schema:
        return _sample(document, document["components"]["schemas"][_model(schema)], depth)
    if "anyOf" in schema:
        return _sample(document, schema["anyOf"][0], depth)
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("type") == "object":
        members = schema.get("properties", {})
        deep = depth >= _DEEPEST_SAMPLE
        names = () if deep else schema.get("required", ())
        return {name: _sample(document, members[name], depth + 1) for name in names}
    if schema.get("type") == "array":
        return [_sample(document, schema["items"], depth + 1)] if depth < _DEEPEST_SAMPLE else []
    return _SAMPLES.get(schema.get("format") or schema.get("type", ""), "...")


_SAMPLES: dict[str, Any] = {
    "date-time": "2026-11-23T12:54:51Z",
    "date": "2026-11-23",
    "integer": 1,
    "number": 1,
    "boolean": True,
}
