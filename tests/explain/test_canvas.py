"""The live player: play, pause, scrub and detail change the scene; another film may be put in."""

import pytest

from samwidget.explain import Film, Player, Scene
from samwidget.explain.film import Area, Disc, Line, Pictures, Text


def film_of(count, details=("All",)):
    items = (Text("a", 1, 2), Line(((0, 0), (1, 1))), Disc(1, 1, 1, "#000000"), Area(0, 0, 1, 1, "#000000"))
    scenes = {name: tuple(Scene(items, f"{name} {index}.") for index in range(count)) for name in details}
    return Film("Numbers", scenes, ())


@pytest.fixture
def player():
    return Player(film_of(3, ("All", "More")))


def test_scrubbing_changes_the_scene(player):
    player.slider.value = 2
    assert player.scene.sentence == "All 2."
    assert "All 2." in player.sentence.value
    assert player.position.value == "3 of 3"


def test_another_detail_begins_at_its_first_scene(player):
    player.slider.value = 2
    player.details.value = "More"
    assert player.scene.sentence == "More 0."
    assert player.slider.value == player.play.value == 0


def test_a_shorter_film_may_be_put_in(player):
    player.slider.value = 2
    player.film = film_of(2)
    assert player.scene.sentence == "All 0."
    assert player.play.max == player.slider.max == 1
    assert player.details.layout.display == "none"


def test_an_image_is_sent_once():
    import numpy as np

    pictures = Pictures()
    picture = pictures.fit(np.zeros((2, 2, 3), np.uint8), (0, 0, 9, 9))
    player = Player(Film("One", {"All": (Scene((picture, picture), "One."),)}, tuple(pictures.images)))
    player.slider.value = 0
    assert list(player._bitmaps) == [0]


def test_the_live_player_and_its_recording_are_displayed_together(monkeypatch):
    import IPython.display

    outputs = []
    monkeypatch.setattr(IPython.display, "display", outputs.append)
    monkeypatch.setattr(IPython.display, "publish_display_data", outputs.append)
    from samwidget.explain import play

    player = play(film_of(2))
    live, recording = outputs
    assert live is player
    (name,) = [name for name in player._dom_classes if name.startswith("samwidget-film-")]
    assert f'data-live="{name}"' in recording["text/html"]
