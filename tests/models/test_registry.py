from dataclasses import FrozenInstanceError
from pathlib import Path

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
        assert card.is_bundled == (card.name == "nano")
        assert (card.repo is None) == card.is_bundled
        assert card.file is None or Path(card.file).suffix in {".pt", ".pth"}


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


def test_a_card_of_a_file_needs_no_config(monkeypatch):
    card = next(card for card in MODELS if card.file is not None)
    here = {card.file}
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda _, file: file if file in here else None)
    assert is_here(card)
    here.clear()
    assert not is_here(card)


def test_cards_are_values():
    with pytest.raises(FrozenInstanceError):
        MODELS[0].name = "other"
    assert ModelCard("a", None, "sam", 1, "MIT") == ModelCard("a", None, "sam", 1, "MIT")
