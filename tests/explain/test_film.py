"""Films: what is recorded plays without a model, and both players get the same items."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from samwidget import explain
from samwidget.core import make_prompt
from samwidget.errors import PromptError
from samwidget.explain import colouring
from samwidget.explain.film import HEIGHT, WIDTH, Area, Disc, Film, Line, Picture, Pictures, Scene, Text, prompt_items
from samwidget.explain.page import page_of
from samwidget.explain.robot_scenes import error_image

RED, BLUE = (np.full((2, 4, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 0, 255)))


@pytest.fixture
def two_scenes():
    pictures = Pictures()
    first = Scene((pictures.fit(RED, (0, 0, 40, 40)), Text("a", 1, 2)), "First.")
    second = Scene((pictures.fit(BLUE, (0, 0, 40, 40)), Line(((0, 0), (3, 4))), Disc(1, 1, 2, "#000000")), "Second.")
    third = Scene((pictures.fit(RED, (0, 0, 4, 2)), Area(0, 0, 1, 1, "#000000")), "Third.")
    return Film("Colours", {"All": (first, second), "Last": (third,)}, tuple(pictures.images))


def image_of(url):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


def test_equal_images_are_kept_once(two_scenes):
    assert len(two_scenes.images) == 2


def test_an_image_lies_in_the_middle_of_its_box(two_scenes):
    assert two_scenes.scenes["All"][0].items[0] == Picture(0, 0, 10, 40, 20)


def test_the_recording_is_json_with_everything_in_it(two_scenes):
    recording = json.loads(json.dumps(two_scenes.to_json()))
    assert [detail["name"] for detail in recording["details"]] == ["All", "Last"]
    first, second = recording["details"][0]["scenes"]
    assert first == {
        "sentence": "First.",
        "items": [["picture", 0, 0, 10, 40, 20], ["text", "a", 1, 2, 20, "#1f2328", "left", False]],
    }
    assert [item[0] for item in second["items"]] == ["picture", "line", "disc"]
    np.testing.assert_array_equal(image_of(recording["images"][0]), RED)


def test_the_page_needs_nothing_from_elsewhere(two_scenes):
    page = two_scenes._repr_html_()
    assert "http" not in page
    assert page.count("</script>") == 1


def test_no_sentence_can_end_the_script():
    film = Film("</script><b>", {"All": (Scene((), "</script>"),)}, ())
    assert page_of(film.to_json()).count("</script>") == 1


@pytest.fixture(scope="module")
def recorded(nano, disc):
    return explain.steps(nano, disc[0], make_prompt([[60, 50]]))


def assert_inside(film):
    for scenes in film.scenes.values():
        for scene in scenes:
            assert scene.sentence.endswith(".")
            for item in scene.items:
                if isinstance(item, Picture | Area):
                    assert item.x >= -1
                    assert item.x + item.width <= WIDTH + 1
                    assert item.y >= -1
                    assert item.y + item.height <= HEIGHT + 1
                elif isinstance(item, Text):
                    assert 0 < item.y < HEIGHT
                    assert item.size >= 17


@pytest.mark.parametrize("box", [None, [30, 20, 90, 80]])
def test_a_decode_has_three_levels_of_detail(predictor, disc, box):
    steps = explain.steps(predictor, disc[0], make_prompt([[60, 50]], box=box))
    film = explain.decode_film(steps)
    assert list(film.scenes) == ["Whole", "Module by module", "One number"]
    assert_inside(film)
    names = [
        item.text
        for scene in film.scenes["Module by module"]
        for item in scene.items
        if isinstance(item, Text) and item.y == 508
    ]
    assert names[0] == "pixels"
    assert names[-1] == "mask"
    assert set(names) <= set(steps)
    total = film.scenes["One number"][-1].items
    texts = [item.text for item in total if isinstance(item, Text)]
    assert texts[-1] == f"{explain.logit_at(steps, (60, 50)).value:.2f}"


def test_the_products_add_up_to_what_is_written(recorded):
    logit = explain.logit_at(recorded, (60, 50))
    scene = explain.decode_film(recorded).scenes["One number"][-2]
    texts = [item.text for item in scene.items if isinstance(item, Text)]
    assert f"{len(logit.products)} of {len(logit.products)} products add up to {logit.products.sum():.2f}" in texts


def test_the_prompt_is_drawn_where_it_is_on_the_picture():
    prompt = make_prompt([[10, 5], [0, 0]], [1, 0], box=[0, 0, 20, 10])
    items = prompt_items(prompt, Picture(0, 100, 50, 40, 20), (10, 20))
    assert [(item.x, item.y) for item in items if isinstance(item, Disc)] == [(120, 60), (100, 50)]
    assert items[0].points == ((100, 50), (140, 50), (140, 70), (100, 70), (100, 50))


def test_the_robots_film_shows_the_errors_and_the_curve(nano, disc):
    pytest.importorskip("cv2")
    image, truth = disc
    half = truth & (np.arange(128) < 60)
    states = list(explain.robot(nano, image, half, clicks=3))
    film = explain.robot_film(image, half, states)
    assert_inside(film)
    assert len(film.scenes["Clicks"]) == len(states)
    for count, scene in enumerate(film.scenes["Clicks"], 1):
        assert scene.items[1].text == f"IoU {states[count - 1].ious[-1]:.2f}"
        assert len([item for item in scene.items if isinstance(item, Disc) and item.radius == 5]) == count
    with pytest.raises(PromptError, match="no clicks"):
        explain.robot_film(image, half, [])


def test_errors_have_their_colours():
    mask, truth = np.array([[1, 1, 0, 0]], bool), np.array([[0, 1, 1, 0]], bool)
    image = error_image(np.zeros((1, 4, 3), np.uint8), mask, truth)
    excess, right, missing, neither = image[0].astype(int)
    assert excess[0] > 190
    assert excess[2] < 30
    assert right[1] > right[0]
    assert missing[0] > 200
    assert missing[1] > 140
    assert neither.tolist() == [40, 40, 40]


def test_heat_and_signs_go_from_end_to_end():
    assert colouring.heat(np.array([[0.0, 1.0]])).tolist() == [[[0, 34, 78], [254, 232, 56]]]
    below, zero, above = colouring.signs(np.array([[-2.0, 0.0, 2.0]]), 2)[0].tolist()
    assert (below, zero, above) == ([213, 94, 0], [255, 255, 255], [0, 114, 178])
