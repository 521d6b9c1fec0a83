"""Sentences for people in their own language: English, French or Chinese, as `Accept-Language` asks.

The service's sentences are written in English where they arise, with their values in place. A catalogue holds each as
a template, `The model {model} is not here.`, and its translations. A sentence is found by its template, and its values,
which may be sentences themselves, are put into the translation. A sentence that a catalogue does not know stays
English; `tests/apis/languages` looks for such.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from flask import Flask, Response, json, request

from musicgen_api.apis.languages.chinese import CHINESE
from musicgen_api.apis.languages.french import FRENCH

CATALOGUES: Final[Mapping[str, Mapping[str, str]]] = {"fr": FRENCH, "zh": CHINESE}
LANGUAGES: Final = ("en", *CATALOGUES)

_LONGEST: Final = 2_000
"""Longer sentences stay English: they quote something long, and looking for its end takes time."""
_VALUE: Final = re.compile(r"\\\{(\w+)\\\}")


def register_languages(app: Flask) -> None:
    """Let every error that Flask answers with follow the request's `Accept-Language`."""
    app.after_request(_translate_error)


def preferred_language() -> str:
    """The language of the current request, one of `LANGUAGES`; English where nothing that is spoken is asked for.

    werkzeug's own `best_match` would give `fr-CA, en;q=0.5` English, as the exact match.
    """
    asked = (tag.replace("_", "-").split("-")[0].lower() for tag, quality in request.accept_languages if quality > 0)
    return next((language for language in asked if language in LANGUAGES), "en")


def translate(text: str, language: str) -> str:
    """A sentence of the service in `language`; English if it is not in the catalogue."""
    catalogue = CATALOGUES.get(language)
    if catalogue is None or len(text) > _LONGEST:
        return text
    if text in catalogue:
        return catalogue[text]
    for template, pattern in _patterns(language):
        if match := pattern.fullmatch(text):
            values = {name: translate(value, language) for name, value in match.groupdict().items()}
            return catalogue[template].format(**values)
    return text


def translate_body(body: Any, language: str) -> Any:
    """An error's JSON with what a person reads in `language`: `error`, `message`, and the sentences of `fields`."""
    if not isinstance(body, dict):
        return body
    return {key: _translate_value(key, value, language) for key, value in body.items()}


def _translate_value(key: str, value: Any, language: str) -> Any:
    match key, value:
        case (("error" | "message" | "reason"), str()):
            return translate(value, language)
        case "fields", dict():
            return {name: [translate(why, language) for why in sentences] for name, sentences in value.items()}
        case (("error" | "detail"), dict()):
            return translate_body(value, language)
    return value


def _translate_error(response: Response) -> Response:
    if response.status_code < 400 or response.mimetype != "application/json" or response.is_streamed:
        return response
    language = preferred_language()
    response.vary.add("Accept-Language")
    if language != "en":
        response.set_data(json.dumps(translate_body(response.get_json(), language)))
        response.content_language.add(language)
    return response


@cache
def _patterns(language: str) -> list[tuple[str, re.Pattern[str]]]:
    """The templates with values, those that say most themselves first."""
    templates = [template for template in CATALOGUES[language] if "{" in template]
    templates.sort(key=lambda template: len(re.sub(r"\{\w+\}", "", template)), reverse=True)
    return [
        (template, re.compile(_VALUE.sub(r"(?P<\1>.+?)", re.escape(template)), re.DOTALL)) for template in templates
    ]
