"""Another model in place of the present one: what stays, what the next click asks, and what a failure leaves."""

import json
import re
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samwidget.core.frame import Frame
from samwidget.errors import ModelError, SamWidgetWarning, StoppedError
from samwidget.widget import model_rows, model_sources
from samwidget.widget.network import ModelSource
from samwidget.widget.widget import SamWidget
from tests.ctrl_c import heeded, needs_ctrl_c
from tests.drawn_photo import smooth_photo
from tests.widget.fakes import TIMEOUT_S, FakeEmbedding, FakePredictor, Wire, WiredWidget


class OtherPredictor(FakePredictor):
    """Another model, whose logits have another size: the image is stretched to 96 x 96."""

    def __init__(self, name="other"):
        super().__init__()
        self.name, self.signature = name, f"{name} 1"

    def embed_with_source(self, image, *, threads=None):
        result = super().embed_with_source(image, threads=threads)
        result.embedding = FakeEmbedding(Frame.stretched(image.shape[:2], (96, 96), (48, 48)))
        return result


@pytest.fixture
def other():
    other = OtherPredictor()
    yield other
    other.encode_gate.open()
    other.decode_gate.open()


@pytest.fixture
def widget(make, other):
    """A widget with one object, whose menu has the other model."""
    widget = make()
    widget.do("add_point", x=60, y=40, label=1)
    widget._turning.models._python_sources["other"] = ModelSource("other", lambda: other)
    return widget


def asked(predictor):
    return [(prompt.points_xy.tolist(), prompt.mask is not None, prompt.level) for prompt in predictor.asked]


# What stays, and what changes.


def test_objects_stay_and_the_next_click_asks_the_new_model_with_the_whole_prompt(widget, other):
    before = widget.objects[0].mask
    widget.use_model(other)
    assert np.array_equal(widget.objects[0].mask, before)
    assert (widget.status["network"], widget.models) == ("other", {"can_choose": True, "note": ""})
    assert other.asked == []

    widget.do("add_point", x=70, y=40, label=1)
    assert asked(other) == [([[60, 40], [70, 40]], False, None)]
    assert (widget.objects[0].model, widget.objects[0].frame.logits_hw) == ("other 1", (48, 48))
    widget.do("undo")
    assert np.array_equal(widget.objects[0].mask, before)
    assert widget.objects[0].model == "fake 1"


def test_a_chosen_level_and_a_mask_prompt_come_along_in_the_size_of_the_new_model(widget, other):
    widget.do("choose", level=2)
    widget.use_model(other)
    widget.do("add_point", x=70, y=40, label=1)
    assert asked(other) == [([[60, 40], [70, 40]], False, 2)]
    assert widget.objects[0].level == 2
    widget.do("choose", level=0)

    mask = np.zeros((96, 128), bool)
    mask[20:60, 30:90] = True
    item = widget.add(mask=mask)
    widget.use_model(FakePredictor())
    widget.select(item.id)
    widget.do("add_point", x=40, y=40, label=1)
    prompt = widget.predictor.asked[-1]
    assert prompt.mask.shape == (64, 64)
    assert (prompt.mask > 0).sum() == pytest.approx(40 / 128 * 64 * 60 / 128 * 64, rel=0.1)


def test_a_request_and_python_code_say_which_objects_another_model_made(widget, other):
    widget.use_model(other)
    widget.accept()
    widget.do("add_point", x=100, y=70, label=1)
    with pytest.warns(SamWidgetWarning, match=r"object 1 \(made by fake 1\)"):
        assert len(widget.request()["input_data"]["data"]) == 2
    code = widget.to_python()
    assert "model='other'" in code
    assert [line.partition("(")[0] for line in code.splitlines()[3:5]] == ["w.add_masks", "w.add"]


@pytest.mark.parametrize(("signature", "name"), [
    ("nano:1caf25f007c3:float32:p4", "nano"), ("fake 1", "fake 1"),
    ("facebook/sam-vit-base 0123456789abcdef01234567 float32 p1", "facebook/sam-vit-base"),
    ("C:/my models/abc 0123456789abcdef01234567 float16 p1", "C:/my models/abc"),
])  # fmt: skip
def test_a_warning_names_the_model_without_its_digest(widget, other, signature, name):
    widget.predictor.signature = signature
    widget.accept()
    widget.do("add_point", x=100, y=70, label=1)
    widget.use_model(other)
    with pytest.warns(SamWidgetWarning, match=re.escape(f"object 2 (made by {name})")):
        widget.request()


def test_a_hover_and_a_search_are_of_the_new_model(widget, other):
    name = widget.say("hover", x=60, y=41, label=1)
    widget.wire.wait_for("preview", re=name)
    widget.use_model(other)
    name = widget.say("hover", x=60, y=41, label=1)
    assert widget.wire.wait_for("preview", re=name)[0]["frame"]["logits_hw"] == [48, 48]
    assert all(item.model == "other 1" for item in widget.everything())


# Meanwhile.


def test_clicks_go_on_with_the_present_model_while_the_other_one_encodes(widget, other):
    other.encode_gate.shut()
    name = widget.say("use_model", model="other")
    assert other.encode_gate.reached.wait(TIMEOUT_S)
    assert widget.models["change"] == {"model": "other", "phase": "encoding", "done": 0, "total": 0}
    widget.do("add_point", x=70, y=40, label=1)
    assert len(widget.predictor.asked) == 2
    other.encode_gate.open()
    widget.wire.wait_for("done", re=name)
    assert (widget.status["network"], "change" in widget.models) == ("other", False)


def test_a_cancelled_change_changes_nothing(widget, other):
    other.encode_gate.shut()
    name = widget.say("use_model", model="other")
    assert other.encode_gate.reached.wait(TIMEOUT_S)
    widget.do("cancel_model")
    assert "change" not in widget.models
    other.encode_gate.open()
    assert widget.wire.wait_for("error", re=name)[0]["code"] == "stopped"
    assert widget.status["network"] == "fake"
    widget.use_model(other)
    assert widget.status["network"] == "other"


def test_the_newest_choice_wins(widget, other):
    third = OtherPredictor("third")
    widget._turning.models._python_sources["third"] = ModelSource("third", lambda: third)
    other.encode_gate.shut()
    first = widget.say("use_model", model="other")
    assert other.encode_gate.reached.wait(TIMEOUT_S)
    second = widget.say("use_model", model="third")
    other.encode_gate.open()
    assert widget.wire.wait_for("error", re=first)[0]["code"] == "stopped"
    widget.wire.wait_for("done", re=second)
    assert widget.status["network"] == "third"
    widget.do("use_model", model="third")  # it is in use already


def test_a_change_while_the_first_image_is_encoded_waits_for_that(make, other):
    predictor = FakePredictor()
    predictor.encode_gate.shut()
    widget = make(predictor=predictor)
    click = widget.say("add_point", x=60, y=40, label=1)
    thread = threading.Thread(target=widget.use_model, args=(other,))
    thread.start()
    assert other.encode_gate.reached.wait(TIMEOUT_S)
    predictor.encode_gate.open()
    thread.join(TIMEOUT_S)
    widget.wire.wait_for("done", re=click)
    assert (widget.status["network"], len(predictor.asked)) == ("other", 1)


def test_many_prompts_are_all_made_by_the_model_that_began(widget, other):
    first = widget.predictor
    first.decode_gate.shut()
    boxes = [(x, 10, x + 8, 30) for x in range(0, 100, 8)]
    thread = threading.Thread(target=lambda: widget.add_boxes(boxes))
    thread.start()
    assert first.decode_gate.reached.wait(TIMEOUT_S)
    name = widget.say("use_model", model="other")
    assert other.encode_gate.reached.wait(TIMEOUT_S)
    first.decode_gate.open()
    thread.join(TIMEOUT_S)
    widget.wire.wait_for("done", re=name)
    assert [item.model for item in widget.objects] == ["fake 1"] * 14


def test_a_search_ends_and_what_it_found_stays(widget, other):
    widget.predictor.decode_gate.shut()
    name = widget.say("everything", points_per_side=4)
    assert widget.predictor.decode_gate.reached.wait(TIMEOUT_S)
    change = widget.say("use_model", model="other")
    assert other.encode_gate.reached.wait(TIMEOUT_S)
    widget.predictor.decode_gate.open()
    widget.wire.wait_for("done", re=change)
    widget.wire.wait_for("done", re=name)
    found = widget.wire.all("found")[-1][0]
    assert found["phase"] in ("cancelled", "done")
    hello = widget.do("hello")
    for message, _ in widget.wire.all("found", re=hello):
        assert message.get("frame", {"logits_hw": [64, 64]})["logits_hw"] == [64, 64]


def test_a_function_of_on_change_may_use_another_model(widget, other):
    widget.on_change(lambda widget: widget.status["network"] == "other" or widget.use_model(other))
    widget.do("add_point", x=70, y=40, label=1)
    widget.wait(TIMEOUT_S)
    assert widget.status["network"] == "other"


# What goes wrong.


def test_a_function_that_observes_the_models_cannot_change_them(widget, other):
    """Each change waits for it, so it would wait for itself."""
    refused = []

    def change(_):
        with pytest.raises(ModelError, match="observes the models") as refusal:
            widget.use_model(other)
        refused.append(refusal.value)

    widget.observe(change, "models")
    widget.use_model(other)
    assert refused
    assert widget.predictor.name == "other"


@needs_ctrl_c
def test_a_function_that_observes_the_models_ends_where_stop_is_pressed_again_and_again(widget, other):
    """A view's choice is carried out on the thread of the message, and the function with it."""
    went_on = []

    def never_end(_):
        for _ in range(20):
            signal.raise_signal(signal.SIGINT)
        went_on.append(True)

    widget.observe(never_end, "models")
    with heeded(), pytest.raises(KeyboardInterrupt):
        widget.hear({"v": 1, "kind": "use_model", "id": "choice", "model": "other"})
    widget.unobserve(never_end, "models")
    assert went_on == []


@pytest.mark.parametrize("is_of_view", [True, False])
def test_a_model_that_cannot_be_loaded_leaves_the_present_one(widget, other, is_of_view):
    def open_broken():
        raise ModelError("it is broken", hint="mend it")

    source = ModelSource("broken", open_broken)
    if is_of_view:
        widget._turning.models._python_sources["broken"] = source
        name = widget.say("use_model", model="broken")
        message = widget.wire.wait_for("error", re=name)[0]
        assert (message["message"], message["hint"]) == ("It is broken.", "Mend it.")
    else:
        with pytest.raises(ModelError, match="it is broken"):
            widget._turning.models.use(source, model_sources.ModelOptions())
    assert (widget.status["phase"], widget.status["network"], widget.models.get("change")) == ("ready", "fake", None)
    widget.do("add_point", x=70, y=40, label=1)
    other.fail_encode.append(RuntimeError("out of memory"))
    with pytest.raises(ModelError, match="out of memory"):
        widget.use_model(other)
    assert widget.status["network"] == "fake"


def test_another_model_mends_a_widget_whose_model_failed(make, other):
    predictor = FakePredictor()
    predictor.fail_encode.append(ModelError("it failed"))
    widget = make(predictor=predictor)
    click = widget.say("add_point", x=60, y=40, label=1)
    widget.wire.wait_for("error", message="It failed.")
    widget.use_model(other)
    widget.wire.wait_for("done", re=click)
    assert [item.model for item in widget.objects] == ["other 1"]


def test_a_view_chooses_what_the_menu_has_and_no_path(widget, tmp_path):
    for name in (str(tmp_path), "someone/unknown", "../x", "Nano"):
        request = widget.say("use_model", model=name)
        assert "in the menu" in widget.wire.wait_for("error", re=request)[0]["message"]


def test_an_app_and_a_model_on_another_computer_have_no_menu(make, monkeypatch):
    remote = FakePredictor()
    remote.is_remote = True
    for widget in (make(predictor=remote), make(model_menu=False)):
        widget.wait(TIMEOUT_S)
        assert widget.models["can_choose"] is False
        for request in (widget.say("list_models"), widget.say("use_model", model="nano")):
            assert "cannot be chosen on the screen" in widget.wire.wait_for("error", re=request)[0]["message"]
    monkeypatch.setattr("samwidget.widget.wire.outbox.Outbox.is_app", True)
    assert [make(model_menu=allowed).models["can_choose"] for allowed in (None, True)] == [False, True]


def test_what_is_no_model(widget, other):
    for value in (7, b"nano"):
        with pytest.raises(TypeError, match="give a name"):
            widget.use_model(value)
    with pytest.raises(TypeError, match="either a predictor"):
        widget.use_model(other, device="cpu")


# The rows of the menu.


def test_the_menu_has_known_models_those_of_python_and_others_of_the_hub(widget, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("samwidget.models.hub.repos_here", lambda: ["someone/sam"])
    monkeypatch.setattr("samwidget.models.hub.folder_here", lambda _: tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "sam2_video"}')
    (tmp_path / "model.safetensors").write_bytes(bytes(2_500_000))
    request = widget.say("list_models")
    rows = {row["name"]: row for row in widget.wire.wait_for("models", re=request)[0]["models"]}
    assert rows["fake"] == {
        "name": "fake", "family": "", "licence": "", "availability": "here", "reads_words": False, "is_used": True,
    }  # fmt: skip
    assert (rows["nano"]["availability"], rows["nano"]["is_used"]) == ("here", False)
    assert (rows["facebook/sam-vit-base"]["availability"], rows["facebook/sam-vit-base"]["size_mb"]) == (
        "download",
        375,
    )
    assert (rows["someone/sam"]["family"], rows["someone/sam"]["size_mb"]) == ("sam2", 2.5)
    families = [row["family"] for row in rows.values()]
    assert len(set(families)) == sum(
        before != after for before, after in zip(families, [None, *families], strict=False)
    )

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(model_rows, "memory_bytes", lambda: 3_000_000_000)
    request = widget.say("list_models")
    rows = {row["name"]: row for row in widget.wire.wait_for("models", re=request)[0]["models"]}
    assert rows["facebook/sam-vit-base"]["availability"] == "missing"
    assert "needs_mb" not in rows["facebook/sam-vit-base"]
    assert rows["facebook/sam-vit-huge"]["needs_mb"] == pytest.approx(6128)


# Folders of photos, and session files.


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for index in range(3):
        Image.fromarray(smooth_photo() + index).save(f"photos/{index}.png")
    return tmp_path


def test_the_next_photos_of_a_folder_are_encoded_by_the_new_model(make, folder, other):
    widget = make("photos")
    widget.wait(TIMEOUT_S)
    widget.use_model(other)
    widget.next()
    widget.do("add_point", x=60, y=40, label=1)
    assert (widget.objects[0].model, widget.status["network"]) == ("other 1", "other")


def test_a_page_that_is_turned_meanwhile_is_encoded_too(make, folder, other):
    widget = make("photos")
    widget._turning.models._python_sources["other"] = ModelSource("other", lambda: other)
    other.encode_gate.shut()
    name = widget.say("use_model", model="other")
    assert other.encode_gate.reached.wait(TIMEOUT_S)
    widget.next()
    other.encode_gate.open()
    widget.wire.wait_for("done", re=name)
    widget.do("add_point", x=60, y=40, label=1)
    assert (widget._turning.index, widget.objects[0].model) == (1, "other 1")


def test_a_session_file_knows_the_model_of_each_object_and_the_last_choice(make, folder, other):
    widget = make("photos/0.png", session="labels.samw")
    widget.do("add_point", x=60, y=40, label=1)
    widget.use_model(other)
    widget.accept()
    widget.do("add_point", x=100, y=70, label=1)
    widget.save()
    widget.close()
    with closing(sqlite3.connect("labels.samw")) as database:
        assert database.execute("SELECT network FROM objects ORDER BY id").fetchall() == [("fake 1",), ("other 1",)]
        assert database.execute("SELECT value FROM settings WHERE name = 'model'").fetchall() == [('"other"',)]
    again = make("photos/0.png", session="labels.samw")
    assert [item.model for item in again.objects] == ["fake 1", "other 1"]


@pytest.mark.parametrize(("name", "is_here", "chosen"), [
    ("nano", True, "nano"), ("someone/sam", True, "someone/sam"), ("someone/sam", False, None),
    ("photos", True, None), ("../photos", True, None), ("someone/folder", True, None),
    (7, True, None), ("", True, None),
    ("/etc", True, None), ("http://evil.example", True, None), ("a" * 5000, True, None), ({"a": 1}, True, None),
])  # fmt: skip
def test_a_session_file_chooses_only_models_of_the_hub_that_are_here(folder, monkeypatch, name, is_here, chosen):
    Path("someone/folder").mkdir(parents=True)
    monkeypatch.setattr("samwidget.models.hub.is_repo_here", lambda _: is_here)
    opened = []
    monkeypatch.setattr(model_sources, "open_predictor", lambda *arguments: opened.append(arguments))
    source, note = model_sources.saved_source({"model": name}, model_sources.ModelOptions(), "labels.samw")
    assert (source and source.name) == chosen
    assert bool(note) == (chosen is None and isinstance(name, str) and name != "")
    assert len(note) < 300
    if chosen == "someone/sam":
        source.open()
        assert opened == [("someone/sam", "auto", "auto", True)], "nothing is downloaded"


def test_a_widget_says_which_model_its_session_had(folder):
    widget = WiredWidget("photos/0.png", session="labels.samw")
    widget.do("add_point", x=60, y=40, label=1)
    widget.close()
    with closing(sqlite3.connect("labels.samw")) as database, database:
        database.execute("UPDATE settings SET value = ? WHERE name = 'model'", (json.dumps("/home/evil/model"),))
    with pytest.warns(SamWidgetWarning, match="used last with the model '/home/evil/model'"):
        widget = SamWidget("photos/0.png", session="labels.samw")
    assert "/home/evil/model" in widget.models["note"]
    assert widget.status["network"] == "nano"
    widget.use_model(FakePredictor())
    assert widget.models["note"] == ""
    widget.close()


def test_python_gets_a_stopped_error_where_a_view_cancels(widget, other):
    other.encode_gate.shut()
    failures = []

    def use():
        try:
            widget.use_model(other)
        except StoppedError as error:
            failures.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    assert other.encode_gate.reached.wait(TIMEOUT_S)
    widget.do("cancel_model")
    other.encode_gate.open()
    thread.join(TIMEOUT_S)
    assert "fake stays in use" in str(failures[0])


# Downloads.


class FakeDownload:
    """In place of ``hub.download``: a gate holds it in the middle."""

    def __init__(self, monkeypatch):
        self.here = set()
        self.gate = threading.Event()
        self.reached = threading.Event()
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setattr("samwidget.models.hub.is_repo_here", lambda repo: repo in self.here)
        monkeypatch.setattr("samwidget.models.hub.download", self.download)

    def download(self, repo, progress, cancel):
        progress(84_000_000, 156_000_000)
        self.reached.set()
        while not self.gate.wait(0.01):
            if cancel.is_set():
                raise StoppedError("the download was stopped")
        self.here.add(repo)


@pytest.fixture
def download(monkeypatch):
    opened = []

    def open_predictor(name, *_):
        opened.append(name)
        return OtherPredictor(name)

    monkeypatch.setattr(model_sources, "open_predictor", open_predictor)
    download = FakeDownload(monkeypatch)
    download.opened = opened
    yield download
    download.gate.set()


SAM = "facebook/sam2.1-hiera-tiny"
HALF_WAY = {"model": SAM, "phase": "downloading", "done": 84_000_000, "total": 156_000_000}


def test_a_model_that_is_not_here_is_downloaded_with_progress_and_cancel(widget, download):
    name = widget.say("use_model", model=SAM)
    assert download.reached.wait(TIMEOUT_S)
    assert widget.models["change"] == HALF_WAY
    widget.do("add_point", x=70, y=40, label=1)
    widget.do("cancel_model")
    assert widget.wire.wait_for("error", re=name)[0]["code"] == "stopped"
    assert (widget.status["network"], download.opened) == ("fake", [])
    download.gate.set()
    widget.do("use_model", model=SAM)
    assert (widget.status["network"], download.opened) == (SAM, [SAM])


def test_the_first_model_of_a_widget_is_downloaded_so_too(download):
    class Named(WiredWidget):
        def __init__(self, **kwargs):
            self.wire, self._messages = Wire(), 0
            SamWidget.__init__(self, np.zeros((96, 128, 3), np.uint8), **kwargs)

    widget = Named(model=SAM)
    click = widget.say("add_point", x=60, y=40, label=1)
    assert download.reached.wait(TIMEOUT_S)
    assert (widget.models["change"], widget.status["phase"]) == (HALF_WAY, "loading")
    widget.do("cancel_model")
    widget.wire.wait_for("error", code="stopped")
    assert (widget.status["phase"], widget.status["can_use_bundled"]) == ("failed", True)
    download.gate.set()
    widget.say("retry")
    widget.wire.wait_for("done", re=click)
    assert (widget.status["network"], len(widget.objects), "change" in widget.models) == (SAM, 1, False)
    widget.close()
