"""The objects of an earlier widget, made again of the prompts in its trait ``document``, which a notebook saves."""

import numpy as np

from tests.drawn_photo import smooth_photo
from tests.widget.fakes import TIMEOUT_S


def click(widget, x, y, label=1):
    widget.do("add_point", x=x, y=y, label=label)


def saved_prompts(document):
    """What a page sends of the document that it has: see frontend/src/earlier.ts."""
    return [
        {
            "name": item["name"],
            "class": item["class"],
            "points": item["points"],
            "box": item["prompt_box"],
            "levels": item["levels"],
            "visible": item["visible"],
            "locked": item["locked"],
        }
        for item in document["objects"]
        if "levels" in item
    ]


def told(objects):
    return [
        (item.name, item.class_name, item.visible, item.locked, item.level, item.score, item.mask.tobytes())
        for item in objects
    ]


def label(widget):
    """Three objects that prompts make, and two that need a mask."""
    click(widget, 30, 30)
    click(widget, 36, 36)
    widget.do("choose", level=2)
    click(widget, 50, 30, label=0)
    widget.rename(1, "cup")
    widget.accept()
    widget.add(box=[60, 20, 110, 70], class_name="dish")
    click(widget, 90, 80)
    widget.do("choose", level=0)
    widget.do("set_visible", object=3, visible=False)
    widget.lock(3)
    mask = np.zeros((96, 128), bool)
    mask[70:90, 10:30] = True
    widget.add(mask=mask)
    widget.add(mask=mask, points=[20, 80])


def test_the_same_objects_are_made_again_in_one_step(make):
    first = make(smooth_photo())
    label(first)
    prompts = saved_prompts(first.document)
    assert [item["name"] for item in prompts] == ["cup", "object 2", "object 3"]
    assert [item["levels"] for item in prompts] == [
        {"chosen": 2, "refined": 2},
        {"chosen": None, "refined": None},
        {"chosen": 0, "refined": None},
    ]
    second = make(smooth_photo())
    second.do("restore_objects", objects=prompts)
    assert told(second.objects) == told(first.objects[:3])
    assert [item.prompt for item in second.objects] == [item.prompt for item in first.objects[:3]]
    assert list(second.classes) == ["dish"]
    assert second.document["active"] is None
    assert second.undo()
    assert second.objects == ()
    assert not second.undo()


def test_a_prompt_that_does_not_fit_the_image_changes_nothing(make):
    first = make(smooth_photo())
    click(first, 120, 90)
    second = make(smooth_photo(48, 64))
    second.wait(TIMEOUT_S)
    name = second.say("restore_objects", objects=saved_prompts(first.document))
    error, _ = second.wire.wait_for("error", re=name)
    assert "outside the image" in error["message"]
    assert second.objects == ()
    assert not second.document["can_undo"]
