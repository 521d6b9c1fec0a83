"""Both catalogues are whole: each sentence of the source that may reach a client has its translations, and no other."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from marshmallow import Schema, fields, validate
from werkzeug import exceptions as http

from musicgen_api.apis import languages
from musicgen_api.apis.languages import CATALOGUES, translate
from tests.apis.languages.sentences import Sentences, without_field

FROM_LIBRARIES = {
    # marshmallow, of the fields and validators that are used here
    *(fields.Field.default_error_messages["null"], fields.List.default_error_messages["invalid"]),
    *(fields.Nested.default_error_messages["type"], *Schema._default_error_messages.values()),
    *(validate.Range(min=1).message_min, validate.Range(min=1, max=2).message_all),
    *(validate.Range(min=1, min_inclusive=False).message_min,),
    *(validate.Length(max=1).message_max, validate.Length(min=1, max=2).message_all),
    # werkzeug, where a route does not say it itself
    *(http.BadRequest.description, http.NotFound.description, http.MethodNotAllowed.description),
    *(http.UnsupportedMediaType.description, http.RequestedRangeNotSatisfiable.description),
    # Python's reader of JSON, and its limit of digits
    *("Expecting value", "Expecting ',' delimiter", "Expecting ':' delimiter", "Extra data"),
    *("Expecting property name enclosed in double quotes", "Unterminated string starting at"),
    *("Invalid control character at", "Invalid \\escape", "Invalid \\uXXXX escape"),
    *("Unexpected UTF-8 BOM (decode using utf-8-sig)", "{what}: line {line} column {column} (char {char})"),
    "Exceeds the limit ({limit} digits) for integer string conversion: value has {digits} digits",
}
"""Sentences that are not in the service's source."""

UNSEEN = {
    *(": ", "; "),  # between the names of fields and their reasons, and between fields
    *("missing", "empty", "nothing", "a {type}"),  # too short to be told from names
    "{name} is not JSON",  # a ValueError, whose text json_body.py takes over
    *("tokenizer.json or spiece.model",),  # checkpoint_files._TOKENIZERS, joined
    *("state_dict.bin and compression_state_dict.bin", "decoder and audio_encoder in config.json"),  # Checkpoint.files
}
"""Sentences of the service's that `Sentences` does not see, each with the reason."""

NOT_SAID = {
    "the hub answered {}",  # HubAnswered: its status is said, not its text
    "(?:argument:?|field) '(\\w+)'",  # a pattern, not a sentence
}
"""What `Sentences` finds and no client reads."""

WHERE = "musicgen_api/apis/languages/{french,chinese}.py, or *_models.py for what is said of models' files"


@pytest.fixture(scope="module")
def sentences() -> Sentences:
    return Sentences()


def bare(template: str) -> str:
    """A template whatever its values are called."""
    return re.sub(r"\{\w*\}", "{}", template)


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_sentence_that_a_client_may_read_is_translated(sentences: Sentences, language: str) -> None:
    known = {bare(template) for template in CATALOGUES[language]}
    missing = {
        template: place
        for template, place in sentences.found.items()
        if not {template, without_field(template)} & known and template not in NOT_SAID
    }
    missing |= {template: "a library" for template in FROM_LIBRARIES if bare(str(template)) not in known}
    listed = "\n".join(f"  {template!r}   ({place})" for template, place in missing.items())
    assert not missing, (
        f"\nThese sentences are not translated ({language}). Add each as a key, its values named as you like "
        f"({{what}}), with its translation to\n{WHERE}:\n{listed}\n"
        "If a client never reads it, name it in NOT_SAID, with the reason."
    )


@pytest.mark.parametrize("language", CATALOGUES)
def test_no_catalogue_has_a_sentence_that_nobody_says(sentences: Sentences, language: str) -> None:
    said = {template for found in sentences.found for template in (found, without_field(found))}
    said |= {bare(str(template)) for template in FROM_LIBRARIES | UNSEEN}
    dead = [template for template in CATALOGUES[language] if bare(template) not in said]
    assert not dead, f"\nThe source does not say these any more. Delete them from\n{WHERE}:\n" + "\n".join(dead)


@pytest.mark.parametrize("language", CATALOGUES)
def test_each_sentence_is_found_by_its_own_template_and_no_other(language: str) -> None:
    for template, translation in CATALOGUES[language].items():
        values = {name: f"x{number}" for number, name in enumerate(names(template))}
        said = template.format(**values)
        assert translate(said, language) == translation.format(**values), (
            f"{said!r} is taken for another sentence: say one of the two more clearly in English."
        )
        assert translation != template


@pytest.mark.parametrize("language", CATALOGUES)
def test_translations_have_the_values_of_their_templates(language: str) -> None:
    for template, translation in CATALOGUES[language].items():
        assert sorted(names(template)) == sorted(names(translation)), template
        assert "}{" not in template, f"{template}: nothing tells one value from the other"


@pytest.mark.parametrize("language", CATALOGUES)
def test_no_translation_has_english_words_left(language: str) -> None:
    for template, translation in CATALOGUES[language].items():
        assert not english_in(bare(translation)), template


def test_all_catalogues_have_the_same_sentences() -> None:
    (first, *others) = CATALOGUES.values()
    assert all(first.keys() == other.keys() for other in others)


@pytest.mark.parametrize(
    ("said", "french", "chinese"),
    [
        (
            "a/b could not be loaded: in t5, spiece.model is empty (0 bytes); download or copy it again.",
            "Impossible de charger a/b : dans t5, spiece.model est vide (0 octet) ; téléchargez-le ou copiez-le de "
            "nouveau.",
            "无法加载 a/b：在 t5 中，spiece.model 为空（0 字节）；请重新下载或复制。",
        ),
        (
            "a/b could not be loaded: in t5, config.json is a web page, saved in place of the file; download the file "
            "again.",
            "Impossible de charger a/b : dans t5, config.json est une page web, enregistrée à la place du fichier ; "
            "téléchargez-le de nouveau.",
            "无法加载 a/b：在 t5 中，config.json 是网页，被存成了该文件；请重新下载文件。",
        ),
        (
            "in t5, a.json is not valid JSON (Expecting value: line 1 column 2 (char 1)).",
            "dans t5, a.json n’est pas du JSON valide (une valeur est attendue : ligne 1, colonne 2 (caractère 1)).",
            "在 t5 中，a.json 不是有效的 JSON（此处应有一个值：第 1 行第 2 列（第 1 个字符））。",
        ),
        (
            "The hub does not have a.bin of b/c; this is an adapter of PEFT, which holds the differences from another "
            "model. Merge the two by merge_and_unload(), then save_pretrained() makes a model that can be loaded.",
            "Le hub n’a pas a.bin de b/c ; c’est un adaptateur PEFT, qui contient les différences avec un autre "
            "modèle. Fusionnez les deux avec merge_and_unload(), puis save_pretrained() produit un modèle qui peut "
            "être chargé.",
            "hub 上没有 b/c 的 a.bin；这是 PEFT 适配器，只含与另一模型的差异。请用 merge_and_unload() 合并两者，再用 "
            "save_pretrained() 生成可加载的模型。",
        ),
        (
            "a/b could not be loaded: in t5, config.json is missing.",
            "Impossible de charger a/b : dans t5, config.json manque.",
            "无法加载 a/b：在 t5 中，缺少 config.json。",
        ),
        (
            "a/b could not be loaded: x.bin: transformer_lm.dim in 'xp.cfg' is missing; it must be a multiple of n_q, "
            "which is 4.",
            "Impossible de charger a/b : x.bin : valeur de transformer_lm.dim dans 'xp.cfg' : absente ; attendu : "
            "un multiple de n_q, qui vaut 4.",
            "无法加载 a/b：x.bin：'xp.cfg' 中的 transformer_lm.dim 的值：缺失；应为：n_q（4）的倍数。",
        ),
        (
            "a/b could not be loaded: The text encoder in t5 lacks the tensor a.b.",
            "Impossible de charger a/b : L’encodeur de texte dans t5 : il manque le tenseur a.b.",
            "无法加载 a/b：t5 中的文本编码器：缺少张量 a.b。",
        ),
        (
            "Demucs, for the melody, cannot be had: a.yaml of b/c is not downloaded yet, and the hub cannot be asked: "
            "it does not answer in time. With MUSICGEN_MELODY_SEPARATION=none melodies are followed without it: hummed "
            "or solo ones need none.",
            "Demucs, pour la mélodie, est indisponible : a.yaml de b/c n’est pas encore téléchargé, et le hub ne peut "
            "être interrogé : il ne répond pas à temps. Avec MUSICGEN_MELODY_SEPARATION=none, on s’en passe : une "
            "mélodie fredonnée ou jouée seule n’en a pas besoin.",
            "无法获得处理旋律的 Demucs：b/c 的 a.yaml 尚未下载，且无法访问 hub：未及时应答。设置 "
            "MUSICGEN_MELODY_SEPARATION=none 后不再需要它：哼唱或独奏的旋律本不需要。",
        ),
        (
            "a/b could not be loaded: state_dict.bin is missing in its folder; it holds a checkpoint of AudioCraft's "
            "training. Export it with audiocraft.utils.export: export_lm makes state_dict.bin, "
            "export_pretrained_compression_model makes compression_state_dict.bin.",
            "Impossible de charger a/b : state_dict.bin manque dans son dossier ; il contient un point de contrôle de "
            "l’entraînement d’AudioCraft. Exportez-le avec audiocraft.utils.export : export_lm produit state_dict.bin, "
            "export_pretrained_compression_model produit compression_state_dict.bin.",
            "无法加载 a/b：文件夹中缺少 state_dict.bin；其中是 AudioCraft 训练的检查点。请用 audiocraft.utils.export "
            "导出：export_lm 生成 state_dict.bin，export_pretrained_compression_model 生成 "
            "compression_state_dict.bin。",
        ),
        (
            "busy: one piece of music is generated at a time, and 3 requests wait for their turn. Try again in 20 s.",
            "occupé : un seul morceau est généré à la fois, et 3 requêtes attendent leur tour. Réessayez dans 20 s.",
            "繁忙：一次只能生成一首音乐，另有 3 个请求在排队。请在 20 秒后重试。",
        ),
        (
            "Invalid request. model: Unknown model. Known: a/b, c/d.; seed: Must be an integer.",
            "Requête non valide. model : Modèle inconnu. Modèles connus : a/b, c/d. ; seed : Doit être un entier.",
            "请求无效。model：未知模型。已知模型：a/b, c/d。；seed：必须是整数。",
        ),
        (
            "Invalid request. file: Its recipe does not fit this service. Invalid request. duration: Must be an "
            "integer.; sections: 0: description: Must not be blank. 1: duration: Unknown field.",
            "Requête non valide. file : Sa recette ne convient pas à ce service. Requête non valide. duration : Doit "
            "être un entier. ; sections : 0 : description : Ne doit pas être vide. 1 : duration : Champ inconnu.",
            "请求无效。file：其配方不适用于本服务。请求无效。duration：必须是整数。；sections：0：description："
            "不能为空白。 1：duration：未知字段。",
        ),
    ],
)
def test_sentences_in_sentences_are_translated_as_well(said: str, french: str, chinese: str) -> None:
    assert translate(said, "fr").replace("\u00a0", " ") == french
    assert translate(said, "zh") == chinese


@pytest.mark.parametrize("language", CATALOGUES)
def test_a_hostile_value_costs_little(language: str) -> None:
    """Texts of 2,000 characters that begin as a template does and never end as it does, or that nest without end.

    The time is linear by construction (`_pattern`). A pattern that tried all ends of its values would take minutes
    for those of many values; nesting without a bound would end the stack.
    """
    for template in [template for template in CATALOGUES[language] if len(names(template)) >= 4]:
        hostile = "".join(f"{text}x" for text, *_ in Formatter().parse(template)) * 2_000
        assert translate(f"x{hostile[:1_990]}", language)
    for nested in ("x of " * 400, "a/b could not be loaded: " * 80, "Invalid request. file: " * 87, "; it is " * 250):
        assert len(translate(nested, language)) < 8_000


def test_a_sentence_longer_than_the_bound_stays_english() -> None:
    said = f"Unknown model. Known: {'x' * languages._LONGEST}."
    assert translate(said, "fr") == said


def names(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]


_ENGLISH = re.compile(
    r"\b(the|is|must|be|not|it|its|with|and|that|this|has|are|of|cannot|may|known|unknown|from|which|than|only|more|does"
    r"|there|your|again|try|what|to|at|missing|failed|one|field|some|for|by|in)\b(?!['_/.-])",
    re.IGNORECASE,
)


def english_in(text: str) -> list[str]:
    """English words that neither French nor a technical name has."""
    return _ENGLISH.findall(text)
