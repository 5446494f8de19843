"""A model that cannot be loaded or fails on the image: what the views are told, and how a person goes on."""

import numpy as np
import pytest

from samwidget.errors import ModelError, ModelNotFoundError
from samwidget.widget.widget import SamWidget
from samwidget.widget.wire.outbox import sentence
from tests.widget.fakes import TIMEOUT_S, FakePredictor, Wire, WiredWidget

CLICK = {"x": 60, "y": 40, "label": 1}


class NamedWidget(WiredWidget):
    """Leaves the choice of the predictor to SamWidget."""

    def __init__(self, **kwargs):
        self.wire, self._messages = Wire(), 0
        SamWidget.__init__(self, np.zeros((96, 128, 3), np.uint8), **kwargs)


@pytest.fixture
def models(monkeypatch):
    """The predictors that can be opened, by name; None is the bundled one. Others cannot be loaded."""
    predictors = {None: FakePredictor()}

    def open_predictor(model, device, dtype, local_files_only):
        if model not in predictors:
            raise ModelNotFoundError(f"there is no model {model!r}", hint="run `samwidget models`")
        return predictors[model]

    for module in ("model_sources", "network"):
        monkeypatch.setattr(f"samwidget.widget.{module}.open_predictor", open_predictor)
    return predictors


@pytest.fixture
def open_widget(models):
    widgets = []

    def open_widget(**kwargs):
        widgets.append(NamedWidget(**kwargs))
        return widgets[-1]

    yield open_widget
    for widget in widgets:
        widget.close()


def wait_until_failed(widget, count=1):
    widget.wire.wait_for("error", count=count)
    assert widget.status["phase"] == "failed"
    return widget.status


def test_a_model_that_cannot_be_loaded_gives_way_to_the_bundled_one_in_one_step(open_widget):
    widget = open_widget(model="nobody/nothing")
    status = wait_until_failed(widget)
    assert (status["network"], status["can_use_bundled"]) == ("nobody/nothing", True)
    assert status["error"] == {
        "code": "model-not-found",
        "message": "There is no model 'nobody/nothing'.",
        "hint": "Run “samwidget models”.",
    }
    first = widget.say("add_point", **CLICK)
    widget.do("use_bundled")
    widget.wire.wait_for("done", re=first)
    assert (widget.status["phase"], widget.status["network"]) == ("ready", "fake")
    assert "error" not in widget.status
    assert "can_use_bundled" not in widget.status
    assert widget.document["objects"][0]["points"] == [[60.0, 40.0, 1]]
    assert widget.predictor is not None


def test_a_model_that_fails_on_the_image_gives_way_too(open_widget, models):
    models["large"] = FakePredictor()
    models["large"].fail_encode = [MemoryError()]
    widget = open_widget(model="large")
    status = wait_until_failed(widget)
    assert status["error"] == {
        "code": "model",
        "message": "The model failed on this image: MemoryError.",
        "hint": "End other kernels and programs, or choose a smaller model.",
    }
    phases = len(widget.wire.all("trait:status"))
    widget.do("use_bundled")
    names = [
        (value["value"]["network"], value["value"]["phase"]) for value, _ in widget.wire.all("trait:status")[phases:]
    ]
    assert names == [("nano", "loading"), ("fake", "encoding"), ("fake", "ready")]
    assert models[None].encodes == 1


def test_the_model_that_was_asked_for_may_be_tried_again(open_widget, models):
    widget = open_widget(model="late")
    wait_until_failed(widget)
    models["late"] = FakePredictor()
    widget.do("retry")
    assert widget.status["phase"] == "ready"
    assert widget.predictor is models["late"]


@pytest.mark.parametrize("arguments", [{}, {"model": "nano"}])
def test_the_bundled_model_has_no_other_to_give_way_to(open_widget, models, arguments):
    models["nano"] = models[None]
    models[None].fail_encode = [RuntimeError("no luck"), RuntimeError("again")]
    widget = open_widget(**arguments)
    assert wait_until_failed(widget)["can_use_bundled"] is False
    refused = widget.say("use_bundled")  # as good as a retry
    widget.wire.wait_for("error", re=refused)
    widget.do("use_bundled")
    assert widget.status["phase"] == "ready"


@pytest.mark.parametrize("arguments", [{"device": "cuda"}, {"model": "nano", "dtype": "float16"}])
def test_the_bundled_model_on_a_device_that_fails_gives_way_to_its_defaults(open_widget, models, arguments):
    models["nano"] = models[None]
    models[None].fail_encode = [RuntimeError("no such device")]
    widget = open_widget(**arguments)
    assert wait_until_failed(widget)["can_use_bundled"] is True
    widget.do("use_bundled")
    assert widget.status["phase"] == "ready"


def test_a_predictor_of_ones_own_gives_way_and_stays_open(make, models):
    own = FakePredictor()
    own.fail_encode = [ModelError("it fell over", hint="press Retry")]
    widget = make(predictor=own)
    assert wait_until_failed(widget)["can_use_bundled"] is True
    widget.do("use_bundled")
    assert widget.predictor is models[None]
    assert not own.is_closed


def test_use_bundled_while_all_is_well_changes_nothing(make, models):
    widget = make()
    widget.do("add_point", **CLICK)
    before = widget.predictor
    widget.do("use_bundled")
    assert widget.predictor is before
    assert models[None].encodes == 0


def test_a_click_that_comes_again_while_it_waits_for_a_model_is_not_called_done(open_widget):
    widget = open_widget(model="nobody/nothing")
    wait_until_failed(widget)
    name = widget.say("add_point", **CLICK)
    widget.say("add_point", id=name, **CLICK)
    assert widget.undo() is False  # the worker has had its turn
    assert widget.wire.kinds(name) == ["ack", "ack"]
    widget.do("use_bundled")
    widget.wire.wait_for("done", re=name)
    assert len(widget.document["objects"][0]["points"]) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it fell over", "It fell over."),
        ("It fell over.", "It fell over."),
        ("run `hf auth login`", "Run “hf auth login”."),
        ("points_per_side is 3", "points_per_side is 3."),
        ("facebook/sam-vit-base is gated", "facebook/sam-vit-base is gated."),
        ("model.safetensors cannot be read", "model.safetensors cannot be read."),
        ("the model failed: MemoryError: ", "The model failed: MemoryError."),
        ("CUDA out of memory.\n  Tried to allocate\t2 GiB. ", "CUDA out of memory. Tried to allocate 2 GiB."),
        ("is it running?", "Is it running?"),
        ("", ""),
        ("a" * 1000, "A" + "a" * 399 + "…"),
    ],
)
def test_errors_are_sentences_on_the_screen(text, expected):
    assert sentence(text) == expected


def test_half_a_surrogate_pair_in_an_error_can_be_sent(make):
    own = FakePredictor()
    own.fail_encode = [OSError("no file caf\udce9.pt")]
    widget = make(predictor=own)
    wait_until_failed(widget)
    error, _ = widget.wire.wait_for("error")
    assert "caf?.pt" in error["message"]
    assert "caf?.pt" in widget.status["error"]["message"]


def test_a_host_that_cannot_send_ends_nothing(make, caplog):
    widget = make()
    widget.wait(TIMEOUT_S)
    widget.send = lambda *_, **__: 1 / 0
    widget.say("add_point", **CLICK)
    widget.wait(TIMEOUT_S)
    assert len(widget.objects) == 1
    assert "could not send" in caplog.text
