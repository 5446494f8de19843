from dataclasses import FrozenInstanceError

import pytest

from samwidget.models.registry import BUNDLED_FOLDER, MODELS, ModelCard, is_here


def test_cards_are_whole():
    names = [card.name for card in MODELS]
    assert len(set(names)) == len(names)
    assert names[0] == "nano"
    for card in MODELS:
        assert card.licence
        assert card.size_mb > 0
        assert (BUNDLED_FOLDER.parents[1] / card.family).is_dir()
        assert set(card.prompts) <= {"points", "box", "mask", "text"}
        assert (card.repo is None) == (card.name == "nano")


def test_whether_it_is_here(tmp_path, monkeypatch):
    here = {"config.json", "pytorch_model.bin"}
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache", lambda _, file: str(tmp_path / file) if file in here else None
    )
    card = MODELS[1]
    assert is_here(card)
    here.remove("pytorch_model.bin")
    assert not is_here(card)
    assert is_here(MODELS[0]) == (BUNDLED_FOLDER / "config.json").is_file()


def test_cards_are_values():
    with pytest.raises(FrozenInstanceError):
        MODELS[0].name = "other"
    assert ModelCard("a", None, "sam", 1, "MIT") == ModelCard("a", None, "sam", 1, "MIT")
