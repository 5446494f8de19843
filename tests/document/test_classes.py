"""The list of classes, the classes of objects, and locks."""

import re

import pytest

from samwidget.core.classes import ObjectClass
from samwidget.core.palette import COLOURS
from samwidget.document import Document
from samwidget.errors import PromptError
from tests.document.examples import FRAME, candidates, user_mask

ORANGE, GREEN, VIOLET = COLOURS[:3]


@pytest.fixture
def document():
    """Classes cat and dog; object 1 is a cat, object 2 has no class."""
    made = Document(class_names=["cat", "dog"])
    made.add(candidates(), class_name="cat")
    made.add_mask(*user_mask(), FRAME)
    return made


def classes_of(document):
    return [(item.name, item.colour) for item in document.state.classes]


def objects_of(document):
    return [(item.id, item.class_name, item.colour) for item in document.state.objects]


def test_a_document_begins_with_classes_and_nothing_to_undo():
    document = Document(class_names=["cat", "dog"])
    assert document.state.classes == (ObjectClass("cat", ORANGE), ObjectClass("dog", GREEN))
    assert not document.can_undo


def test_an_object_has_the_colour_of_its_class_and_others_have_none_of_these(document):
    assert objects_of(document) == [(1, "cat", ORANGE), (2, None, VIOLET)]


def test_a_new_object_gets_the_active_class(document):
    revision = document.revision
    document.activate_class("dog")
    assert document.revision == revision + 1
    item = document.add(candidates())
    assert (item.class_name, item.colour) == ("dog", GREEN)
    assert document.add(candidates(), class_name="cat").class_name == "cat"
    assert document.add_many([item])[0].class_name == "dog"
    document.activate_class(None)
    assert document.add(candidates()).class_name is None


def test_choosing_the_active_class_is_no_step(document):
    before = document.state.objects
    document.activate_class("dog")
    document.undo()
    assert len(document.state.objects) == len(before) - 1


def test_a_class_that_is_not_there_is_added_with_its_object_in_one_step(document):
    document.add(candidates(), class_name="cup")
    assert classes_of(document)[2] == ("cup", VIOLET)
    document.undo()
    assert len(classes_of(document)) == 2
    document.set_class([1, 2], "cup")
    assert {item.class_name for item in document.state.objects} == {"cup"}
    document.undo()
    assert objects_of(document) == [(1, "cat", ORANGE), (2, None, VIOLET)]


def test_an_object_that_loses_its_class_gets_a_colour_of_its_own(document):
    document.set_class([1], None)
    (_, class_name, colour), _ = objects_of(document)
    assert class_name is None
    assert colour not in (ORANGE, GREEN)


def test_rename_keeps_objects_colour_and_the_active_class(document):
    document.activate_class("cat")
    document.set_locked([1], True)
    document.rename_class("cat", "kitten")
    assert classes_of(document)[0] == ("kitten", ORANGE)
    assert objects_of(document)[0] == (1, "kitten", ORANGE)
    assert document.state.active_class == "kitten"
    document.undo()
    assert (document.state.active_class, objects_of(document)[0][1]) == ("cat", "cat")


def test_delete_leaves_objects_without_a_class(document):
    document.activate_class("cat")
    document.delete_class("cat")
    assert classes_of(document) == [("dog", GREEN)]
    assert objects_of(document)[0] == (1, None, ORANGE)
    assert document.state.active_class is None
    document.add_class("bird")
    assert classes_of(document)[1] == ("bird", ORANGE)


def test_what_changes_nothing_is_no_step(document):
    before = document.state
    document.add_class("cat")
    document.rename_class("cat", "cat")
    document.set_class([1], "cat")
    document.set_class([2], None)
    document.activate_class(None)
    document.set_locked([1], False)
    assert document.state is before


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (lambda d: d.rename_class("cup", "mug"), "there is no class cup", "cat, dog"),
        (lambda d: d.rename_class("cat", "dog"), "there is a class dog already", "instead"),
        (lambda d: d.delete_class("cup"), "there is no class cup", "cat, dog"),
        (lambda d: d.activate_class("cup"), "there is no class cup", "cat, dog"),
        (lambda d: d.set_class([1, 9], "dog"), "there is no object 9", r"\[1, 2\]"),
        (lambda d: d.delete(1, 9), "there is no object 9", r"\[1, 2\]"),
        (lambda d: d.set_locked([9], True), "there is no object 9", r"\[1, 2\]"),
    ],
)
def test_what_cannot_be_done_changes_nothing(document, change, message, hint):
    before = document.state
    with pytest.raises(PromptError, match=message) as raised:
        change(document)
    assert re.search(hint, raised.value.hint)
    assert document.state is before


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.refine(1, candidates(count=2)),
        lambda d: d.choose(0),
        lambda d: d.rename(1, "tom"),
        lambda d: d.set_class([2, 1], "dog"),
        lambda d: d.delete_class("cat"),
        lambda d: d.delete(2, 1),
        lambda d: d.clear(),
        lambda d: d.restore_mask(1, user_mask()[1]),
    ],
)
def test_a_locked_object_stays_as_it_is(document, change):
    document.select(1)
    document.set_locked([1], True)
    before = document.state
    with pytest.raises(PromptError, match="object 1 is locked") as raised:
        change(document)
    assert "unlock(1)" in raised.value.hint
    assert document.state is before
    document.set_visible(1, False)
    document.set_locked([1], False)
    change(document)


def test_many_objects_go_in_one_step(document):
    document.select(2)
    document.delete(2, 1, 2)
    assert (document.state.objects, document.state.active) == ((), None)
    document.undo()
    assert document.state.active == 2


def test_classes_stay_when_all_objects_go(document):
    document.clear()
    assert len(document.state.classes) == 2
