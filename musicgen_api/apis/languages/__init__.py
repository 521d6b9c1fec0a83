"""Sentences for people in their own language: English, French or Chinese, as `Accept-Language` asks.

The service's sentences are written in English where they arise, with their values in place. A catalogue holds each as
a template, `The model {model} is not here.`, and its translations. A sentence is found by its template, and its values,
which may be sentences themselves, are put into the translation. A sentence that a catalogue does not know stays
English; `tests/apis/languages` finds such in the source.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from flask import Flask, Response, json, request

from musicgen_api.apis.languages.chinese import CHINESE
from musicgen_api.apis.languages.chinese_models import CHINESE_MODELS
from musicgen_api.apis.languages.french import FRENCH
from musicgen_api.apis.languages.french_models import FRENCH_MODELS

CATALOGUES: Final[Mapping[str, Mapping[str, str]]] = {"fr": FRENCH | FRENCH_MODELS, "zh": CHINESE | CHINESE_MODELS}
LANGUAGES: Final = ("en", *CATALOGUES)

_LONGEST: Final = 2_000
"""Longer sentences stay English: they quote something long, and looking for its end takes time."""
_DEEPEST: Final = 8
"""So many sentences may stand in each other; the service's own are never more than five."""

_SENTENCE: Final = "sentence"
"""A value that is a whole sentence, whose template is therefore inside this one."""
_REASONS: Final = "reasons"
"""A value that is made of the reasons of several fields: `duration: Must be an integer.; seed: ...`."""
_INVALID: Final = "Invalid request. {reasons}"
_FIELD: Final = re.compile(r"((?:[\w.-]+: )+)(.+)", re.DOTALL)
_BETWEEN_FIELDS: Final = re.compile(r"(?<=\.)(?<!Invalid request\.)(; (?=[\w.-]+: )| (?=[a-z0-9_]+: ))")
"""A sentence begins with a capital, `Unknown model. Known: ...`, the name of a field inside another with none."""
_VALUE: Final = re.compile(r"\{(\w+)\}")


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
    return text if len(text) > _LONGEST else _translate(text, language, _DEEPEST)


def translate_body(body: Any, language: str) -> Any:
    """An error's JSON with what a person reads in `language`: `error`, `message`, and the sentences of `fields`."""
    if not isinstance(body, dict):
        return body
    translated = {key: _translate_member(key, value, language) for key, value in body.items()}
    if language in CATALOGUES and isinstance(fields := translated.get("fields"), dict):
        translated["error"] = _sum_up(fields, language)
    return translated


def _translate_member(key: str, value: Any, language: str) -> Any:
    match key, value:
        case (("error" | "message" | "reason"), str()):
            return translate(value, language)
        case "fields", dict():
            return {name: [_translate_field(why, language) for why in reasons] for name, reasons in value.items()}
        case (("error" | "detail"), dict()):
            return translate_body(value, language)
    return value


def _sum_up(fields: Mapping[str, list[str]], language: str) -> str:
    """What `InvalidFields` says, of translated reasons: their fields may have any name that a client thinks of."""
    said = CATALOGUES[language]
    reasons = said.get("; ", "; ").join(f"{name}{said.get(': ', ': ')}{' '.join(why)}" for name, why in fields.items())
    return said.get(_INVALID, _INVALID).format(reasons=reasons)


def _translate_field(reasons: str, language: str) -> str:
    return reasons if len(reasons) > _LONGEST else _translate_reasons(reasons, language, _DEEPEST)


def _translate_error(response: Response) -> Response:
    if response.status_code < 400 or response.mimetype != "application/json" or response.is_streamed:
        return response
    language = preferred_language()
    response.vary.add("Accept-Language")
    if language != "en":
        response.set_data(json.dumps(translate_body(response.get_json(), language)))
        response.content_language.add(language)
    return response


def _translate(text: str, language: str, depth: int) -> str:
    catalogue = CATALOGUES.get(language, {})
    if text in catalogue:
        return catalogue[text]
    for template, pattern in _patterns(language) if depth else ():
        if match := pattern.fullmatch(text):
            values = match.groupdict().items()
            return catalogue[template].format_map(
                {name: _put_in(name, value, language, depth) for name, value in values}
            )
    return text


def _put_in(name: str, value: str, language: str, depth: int) -> str:
    """What stands for a value in the translation."""
    if name == _REASONS:
        return _translate_reasons(value, language, depth - 1)
    if name == _SENTENCE and not value.endswith("."):  # it goes on in another one, and has lost its stop there
        whole = _translate(f"{value}.", language, depth - 1)
        return value if whole == f"{value}." else whole.rstrip(".。")
    return _translate(value, language, depth - 1)


def _translate_reasons(text: str, language: str, depth: int) -> str:
    """Sentences with the names of their fields in front, `sections: 0: duration: Must be an integer.`."""
    punctuation = CATALOGUES.get(language, {})
    pieces = _BETWEEN_FIELDS.split(text)
    for place, piece in enumerate(pieces):
        if place % 2:
            pieces[place] = punctuation.get(piece, piece)
        elif match := _FIELD.fullmatch(piece):
            names, sentence = match.groups()
            pieces[place] = names.replace(": ", punctuation.get(": ", ": ")) + _translate(sentence, language, depth)
        else:
            pieces[place] = _translate(piece, language, depth)
    return "".join(pieces)


@cache
def _patterns(language: str) -> list[tuple[str, re.Pattern[str]]]:
    """The templates with values: those around whole sentences first, parts of sentences last, and among equals those
    first that say most themselves.
    """
    templates = [template for template in CATALOGUES.get(language, ()) if "{" in template]
    templates.sort(key=lambda template: (_rank(template), -len(_VALUE.sub("", template))))
    return [(template, _pattern(template)) for template in templates]


def _rank(template: str) -> int:
    if {_SENTENCE, _REASONS}.intersection(_VALUE.findall(template)):
        return 0
    return 1 if template.endswith(".") else 2


def _pattern(template: str) -> re.Pattern[str]:
    """Finds each value by what follows it, and never looks for another end of it: the time is linear.

    The first end leaves the most text to the rest of the template, so another one could not succeed where it fails.
    """
    before, *rest = _VALUE.split(template)
    names, texts = rest[::2], [re.escape(text) for text in rest[1::2]]
    values = [f"(?P<{name}>.*?){text}" for name, text in zip(names, texts, strict=True)]
    return re.compile(re.escape(before) + "".join(f"(?>{value})" for value in values[:-1]) + values[-1], re.DOTALL)
