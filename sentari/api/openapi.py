"""Complete the OpenAPI document that apiflask derives from the routes.

What the framework cannot see stands beside each view in `describe`: nothing of it is enforced,
because every view reads its own input and refuses it in its own words. Who may ask, and what the
license closes, is taken from the very declarations that the access hook enforces.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from apiflask import APIFlask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from sentari.api.common_schemas import ProblemOut
from sentari.web.access import Access, access_of

View = TypeVar("View", bound=Callable[..., Any])
Document = dict[str, Any]
# A model is JSON, texts are media types of another kind, None is no body.
Answer = type[BaseModel] | tuple[str, ...] | None

_ATTRIBUTE = "sentari_description"
_REF = "#/components/schemas/{model}"


@dataclass(frozen=True)
class Description:
    """What one operation takes and answers; `problems` are those that nothing else tells of."""

    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    answers: Mapping[int, Answer] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)
    anonymous: bool = False

    @property
    def models(self) -> Iterator[type[BaseModel]]:
        """Yield the models that the operation refers to."""
        for model in (self.body, *self.answers.values()):
            if isinstance(model, type):
                yield model


def describe(
    *,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    answers: Mapping[int, Answer] | None = None,
    problems: Mapping[int, str] | None = None,
    anonymous: bool = False,
) -> Callable[[View], View]:
    """Say what a view takes and answers; `anonymous`: no token changes the answer."""
    description = Description(query, body, answers or {}, problems or {}, anonymous)

    def declare(view: View) -> View:
        setattr(view, _ATTRIBUTE, description)
        return view

    return declare


def register_openapi(app: APIFlask) -> None:
    """Complete the document whenever it is made."""

    def complete(spec: Document) -> Document:
        models: set[type[BaseModel]] = {ProblemOut}
        for rule in app.url_map.iter_rules():
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            for method, operation in spec["paths"].get(path, {}).items():
                if method.upper() in (rule.methods or ()):
                    models.update(_complete_operation(app, rule, method.upper(), operation))
        # The document is made once: it must not name the host that the first asker sent.
        spec.pop("servers", None)
        spec["info"]["description"] = _ABOUT
        # Several blueprints may share a tag, which is to be there once.
        spec["tags"] = list({tag["name"]: tag for tag in spec["tags"]}.values())
        spec["components"] = {
            "schemas": _schemas(models),
            "responses": {"Problem": _problem("Refused; `code` says why.")},
            "securitySchemes": _SECURITY,
        }
        return spec

    app.spec_processor(complete)  # type: ignore[arg-type] # a dict: the format is JSON


def _complete_operation(
    app: APIFlask, rule: Rule, method: str, operation: Document
) -> Iterator[type[BaseModel]]:
    view = app.view_functions[rule.endpoint]
    description: Description = getattr(view, _ATTRIBUTE, Description())
    asked = access_of(app, rule.endpoint)
    answers = description.answers or _output_of(view)
    operation["operationId"] = rule.endpoint.replace("_api.", "_").replace(".", "_")
    operation["parameters"] = [
        *operation.get("parameters", []),
        *(_parameters(description.query) if description.query else ()),
    ]
    operation["security"] = _security(asked, description)
    if description.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(description.body)}
    problems = {**_problems_of(asked, method, description), **description.problems}
    operation["responses"] = {
        **{str(status): _answered(answer) for status, answer in answers.items()},
        **{str(status): _problem(text) for status, text in sorted(problems.items())},
        "default": {"$ref": "#/components/responses/Problem"},
    }
    yield from Description(answers=answers, body=description.body).models


def _output_of(view: Callable[..., Any]) -> Mapping[int, Answer]:
    """Return the model that apiflask writes the answer with, if the view ever answers."""
    response = getattr(view, "_spec", {}).get("response") or {}
    model = response.get("schema")
    return {response["status_code"]: model} if isinstance(model, type) else {}


def _parameters(query: type[BaseModel]) -> Iterator[Document]:
    schema = query.model_json_schema(ref_template=_REF)
    for name, member in schema["properties"].items():
        shown = {key: value for key, value in member.items() if key not in ("title", "description")}
        parameter = {"name": name, "in": "query", "schema": shown}
        if "description" in member:
            parameter["description"] = member["description"]
        yield {**parameter, "required": name in schema.get("required", ())}


def _security(asked: Access, description: Description) -> list[dict[str, list[str]]]:
    if description.anonymous:
        return []
    if asked.public:
        return [{}, {"apiToken": []}, {"session": []}]
    if asked.agent:
        return [{"clientCertificate": []}, {"deviceToken": []}]
    return [{"apiToken": []}, {"session": []}]


def _problems_of(asked: Access, method: str, description: Description) -> dict[int, str]:
    problems = {}
    identified = not asked.public and not (asked.agent and description.anonymous)
    if identified:
        problems[401] = "No identity, or one that is unknown or expired."
    if identified and (asked.agent or asked.needed_role(method) == "admin"):
        problems[403] = "Not allowed."
    if asked.gate_class(method) != "open":
        problems[402] = "The license closes this now."
    return problems


def _answered(answer: Answer) -> Document:
    if answer is None:
        return {"description": "Done; there is no body."}
    if isinstance(answer, tuple):
        content = {
            media_type: {"schema": {"type": "string"} if media_type.startswith("text/") else {}}
            for media_type in answer
        }
        return {"description": "The document.", "content": content}
    return {"description": (answer.__doc__ or "").splitlines()[0], "content": _json(answer)}


def _problem(text: str) -> Document:
    content = {"application/problem+json": {"schema": _reference(ProblemOut)}}
    return {"description": text, "content": content}


def _json(model: type[BaseModel]) -> Document:
    return {"application/json": {"schema": _reference(model)}}


def _reference(model: type[BaseModel]) -> Document:
    return {"$ref": _REF.format(model=model.__name__)}


def _schemas(models: set[type[BaseModel]]) -> Document:
    ordered = sorted(models, key=lambda model: model.__name__)
    _, found = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    schemas: Document = found["$defs"]
    return schemas


_ABOUT = (
    "The API of the customer's server. Errors are problem documents (RFC 9457). Every answer has "
    "the header `X-Sentari-License-State`. What the license closes is answered with 402."
)
_SECURITY = {
    "apiToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token (`stri_...`), made under Settings → API tokens.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sentari_session",
        "description": "A signed-in browser (under TLS the name begins with `__Host-`); requests "
        "that change something need the form token.",
    },
    "clientCertificate": {
        "type": "mutualTLS",
        "description": "The client certificate that enrollment answered.",
    },
    "deviceToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The device token (`strd_...`) that enrollment answered.",
    },
}
