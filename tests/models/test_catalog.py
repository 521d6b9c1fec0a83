from __future__ import annotations

import json
from pathlib import Path

import pytest

from musicgen_api.domain.errors import UnknownModel
from musicgen_api.domain.request import Backend
from musicgen_api.models.catalog import BUNDLED_FOLDER, BUNDLED_ID, Catalog, hub_spelling
from musicgen_api.settings import ConfigurationError, Settings
from tests.helpers.fakes import Pause, service

MONO = ["small", "medium", "large", "melody", "melody-large"]
OPERATOR_S = "ours/big=/srv/secret/models/big,ours/other=someone/musicgen-other"


FACTS = {
    BUNDLED_ID: ["music", 32_000],
    "facebook/audiogen-medium": ["sound effects", 16_000],
    "facebook/magnet-small-30secs": ["music", 32_000],
    "facebook/audio-magnet-medium": ["sound effects", 16_000],
    "ours/big": [None, None],
}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(Settings())


@pytest.mark.parametrize("variant", MONO)
def test_every_mono_model_of_meta_is_there(catalog: Catalog, variant: str) -> None:
    entry = catalog.find(f"facebook/musicgen-{variant}")
    assert (entry.source, entry.channels) == (f"facebook/musicgen-{variant}", 1)


@pytest.mark.parametrize("variant", MONO)
@pytest.mark.parametrize("spelling", ["facebook/musicgen-{}-stereo", "facebook/musicgen-stereo-{}"])
def test_both_spellings_of_a_stereo_model_mean_the_hub_s(catalog: Catalog, spelling: str, variant: str) -> None:
    entry = catalog.find(spelling.format(variant))
    assert entry.id == entry.source == f"facebook/musicgen-stereo-{variant}"
    assert entry.channels == 2


@pytest.mark.parametrize("model_id", ["someone/musicgen-small-stereo", "facebook/musicgen-small", "facebook/musicgen-"])
def test_other_ids_are_spelled_as_they_are(model_id: str) -> None:
    assert hub_spelling(model_id) == model_id


def test_the_bundled_model_is_the_default_and_needs_no_hub(catalog: Catalog) -> None:
    entry = catalog.find(catalog.default_id)
    assert (entry.id, entry.bundled) == (BUNDLED_ID, True)
    assert (BUNDLED_FOLDER / "state_dict.bin").is_file()
    assert Path(entry.source) == BUNDLED_FOLDER


def test_each_model_is_listed_once_with_a_title_and_a_description(catalog: Catalog) -> None:
    entries = list(catalog)
    assert len({entry.id for entry in entries}) == len(entries) == 18
    assert all(entry.title and entry.description.endswith(".") for entry in entries)


@pytest.mark.parametrize(
    "model_id",
    [
        "",
        "facebook/musicgen-tiny",
        "FACEBOOK/musicgen-small",
        " facebook/musicgen-small",
        "facebook/audiogen-small",
        "facebook/musicgen-small-stereo-stereo",
        "facebook/musicgen-stereo-small-stereo",
        "someone/musicgen",
        "../bundled/musicgen-tiny",
        str(BUNDLED_FOLDER),
        "bundled",
    ],
)
def test_what_is_not_in_the_catalogue_is_unknown_also_if_it_exists(catalog: Catalog, model_id: str) -> None:
    with pytest.raises(UnknownModel, match="facebook/musicgen-small"):
        catalog.find(model_id)


def test_the_operator_s_models_are_added_and_may_be_the_default() -> None:
    catalog = Catalog(Settings(models=OPERATOR_S, default_model="ours/big"))
    assert catalog.default_id == "ours/big"
    assert catalog.find("ours/big").source == "/srv/secret/models/big"
    assert catalog.find("ours/other").source == "someone/musicgen-other"
    assert catalog.find("ours/big").channels is None


def test_the_operator_may_say_where_a_model_of_meta_lies() -> None:
    places = "facebook/musicgen-stereo-small=/models/stereo,facebook/audiogen-medium=/models/sounds"
    catalog = Catalog(Settings(models=places))
    assert catalog.find("facebook/musicgen-small-stereo").source == "/models/stereo"
    assert catalog.find("facebook/musicgen-small-stereo").channels == 2
    assert catalog.find("facebook/audiogen-medium").sample_rate == 16_000


def test_an_unknown_default_stops_the_start_by_name() -> None:
    with pytest.raises(ConfigurationError, match=r"MUSICGEN_DEFAULT_MODEL.*'no/such'.*facebook/musicgen-small"):
        Catalog(Settings(default_model="no/such"))


def test_the_list_of_models_shows_ids_and_no_folders() -> None:
    with service(models=OPERATOR_S) as running:
        running.synthesizer.backends = {"ours/big": Backend("engine", "int8")}
        running.client.post("/generate", json={"model": "ours/big", "prompt": "piano"})
        response = running.client.get("/api/models")
    assert response.status_code == 200
    models = {model["id"]: model for model in response.json["models"]}
    assert set(models) == {entry.id for entry in Catalog(Settings(models=OPERATOR_S))}
    assert [model for model, values in models.items() if values["default"]] == [BUNDLED_ID]
    assert [model for model, values in models.items() if values["loaded"]] == ["ours/big"]
    assert (models["ours/big"]["engine"], models["ours/big"]["precision"]) == ("engine", "int8")
    assert {models[BUNDLED_ID][key] for key in ("engine", "precision")} == {None}
    assert models["facebook/musicgen-stereo-small"]["channels"] == 2
    facts = [[models[model_id][key] for key in ("purpose", "sample_rate")] for model_id in FACTS]
    assert facts == list(FACTS.values())
    assert "/srv" not in response.text
    assert "someone" not in response.text
    assert str(BUNDLED_FOLDER.parent.parent) not in json.dumps(models)


def test_an_unknown_model_s_error_shows_no_folder_either() -> None:
    with service(models=OPERATOR_S) as running:
        response = running.client.post("/generate", json={"model": "no/such", "prompt": "piano"})
    assert (response.status_code, response.json["code"]) == (422, "unknown_model")
    assert "ours/big" in response.json["fields"]["model"][0]
    assert "/srv" not in response.text


MAGNETS = {
    **{f"facebook/magnet-{size}-{seconds}secs": seconds for size in ("small", "medium") for seconds in (10, 30)},
    **{f"facebook/audio-magnet-{size}": 10 for size in ("small", "medium")},
}


@pytest.mark.parametrize(("model_id", "seconds"), MAGNETS.items())
def test_a_magnet_makes_pieces_of_its_length_by_its_own_parameters(model_id: str, seconds: int) -> None:
    with service() as running:
        listed = next(model for model in running.client.get("/api/models").json["models"] if model["id"] == model_id)
        assert listed["duration"] == listed["defaults"]["duration"] == seconds
        body = {"model": model_id, "description": "piano", "prompt": "piano"}
        routes = {"/generate": {"model", "prompt"}, "/api/music": {"model", "description"}}
        for route, fields in routes.items():
            assert running.client.post(route, json={name: body[name] for name in fields}).data
        chosen = {"model": model_id, "description": "piano", "temperature": 1, "cfg_coef": 3.0, "duration": seconds}
        assert running.client.post("/api/music", json=chosen).data
    by_default, also, asked_for = running.synthesizer.requests
    assert by_default.duration == seconds
    assert {name: getattr(by_default, name) for name in listed["defaults"]} == listed["defaults"]
    assert {name: getattr(also, name) for name in listed["defaults"]} == listed["defaults"]
    assert (asked_for.temperature, asked_for.cfg_coef) == (1, 3)
    assert asked_for.top_p == by_default.top_p > 0


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"duration": 20}, "duration", "Must be 10: every piece of this model lasts 10 seconds"),
        ({"live": True}, "live", "decides the whole piece at once"),
        ({"loop": True}, "loop", "this model makes pieces of one length"),
        ({"sections": [{"description": "a", "duration": 10}]}, "sections", "from one description"),
    ],
)
def test_what_a_magnet_cannot_do_is_refused_by_field_and_before_the_lock(
    values: dict[str, object], field: str, says: str
) -> None:
    body: dict[str, object] = {"model": "facebook/magnet-small-10secs"} | values
    if "sections" not in values:
        body["description"] = "piano"
    with service(Pause()) as running:
        response = running.client.post("/api/music", json=body)
        assert not running.gpu_thread.busy
    assert (response.status_code, response.json["code"]) == (400, "invalid_fields")
    assert list(response.json["fields"]) == [field]
    assert says in response.json["fields"][field][0]
    assert not running.synthesizer.requests


def test_another_place_for_a_magnet_is_still_a_magnet_s() -> None:
    catalog = Catalog(Settings(models="facebook/magnet-small-10secs=/models/magnet"))
    entry = catalog.find("facebook/magnet-small-10secs")
    assert (entry.source, entry.duration) == ("/models/magnet", 10)
    assert catalog.defaults_of("facebook/magnet-small-10secs")["temperature"] == 3.0
    assert not catalog.defaults_of("facebook/musicgen-small")
    assert not catalog.defaults_of(None)


def test_each_model_says_which_languages_it_reads(catalog: Catalog) -> None:
    assert catalog.find(BUNDLED_ID).languages == ("en", "fr", "zh", "es", "de", "ja", "pt")
    assert catalog.find("facebook/musicgen-small").languages == ("en",)
    with service() as running:
        models = running.client.get("/api/models").json["models"]
    assert {model["id"]: model["languages"] for model in models} == {
        entry.id: list(entry.languages) for entry in catalog
    }
