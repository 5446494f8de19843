"""close() and garbage collection free threads and arrays."""

import gc
import threading
import time
import weakref

import numpy as np
import pytest

from samwidget.errors import ModelError
from samwidget.predict import shared
from samwidget.predict.shared import open_predictor
from tests.widget.fakes import TIMEOUT_S, FakePredictor, WiredWidget

CLICK = {"x": 60, "y": 40, "label": 1}


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("samwidget")]


def used_widget(predictor):
    widget = WiredWidget(np.zeros((96, 128, 3), np.uint8), predictor)
    widget.do("add_point", **CLICK)
    widget.add(points=[[20, 20]])
    widget.on_change(lambda _, widget=widget: widget)  # a callback that holds the widget, as they do
    return widget


def traces(widget):
    """What must not outlive the widget."""
    controller = widget._controller
    return [
        weakref.ref(widget),
        weakref.ref(widget.image),
        weakref.ref(controller),
        weakref.ref(controller.document),
        weakref.ref(controller.network._embedding),
        weakref.ref(controller.document.state.objects[0].logits),
    ]


def forget(widget):
    """What Jupyter's registries do not do: they keep every open widget, since a page may show it."""
    import comm
    from ipywidgets.widgets import widget as registry

    registry._instances.pop(widget.model_id)
    comm.get_comm_manager().unregister_comm(widget.comm)
    widget.comm._closed = True


def assert_gone(refs, before):
    deadline = time.monotonic() + TIMEOUT_S
    while left := set(threads()) - set(before):
        assert time.monotonic() < deadline, left
        for thread in left:
            thread.join(0.1)
        gc.collect()  # a thread ends first when its widget is freed
    gc.collect()
    assert [ref() for ref in refs if ref() is not None] == []


def test_a_hundred_closed_widgets_leave_nothing():
    before, refs, predictor = threads(), [], FakePredictor()
    for _ in range(100):
        widget = used_widget(predictor)
        refs += traces(widget)
        widget.close()
        assert widget._controller.network.predictor is None
    del widget
    assert_gone(refs, before)


def test_a_closed_widget_is_freed_at_once_by_counting_references():
    """Not first when Python looks for circles: the photos of many reruns of a cell would wait for that."""
    widget = used_widget(FakePredictor())
    widget.masks, widget.label_map(), widget.snapshot(), widget.request()
    refs, workers = traces(widget), [widget._controller.worker, widget._controller.photo.worker]
    gc.collect()
    gc.disable()
    try:
        widget.close()
        del widget
        for worker in workers:
            if (thread := worker.thread) is not None:
                thread.join(TIMEOUT_S)
        assert [ref() for ref in refs if ref() is not None] == []
    finally:
        gc.enable()


def test_a_hundred_dropped_widgets_leave_nothing_once_jupyter_lets_go_of_them():
    before, refs, predictor = threads(), [], FakePredictor()
    for _ in range(100):
        widget = used_widget(predictor)
        refs += traces(widget)
        forget(widget)
    del widget
    gc.collect()
    assert_gone(refs, before)


def test_a_widget_whose_network_failed_is_freed_with_its_waiting_clicks():
    before, predictor = threads(), FakePredictor()
    predictor.fail_encode = [ModelError("no luck")]
    widget = WiredWidget(predictor=predictor)
    widget.wire.wait_for("error")
    widget.say("add_point", **CLICK)
    refs = [weakref.ref(widget), weakref.ref(widget._controller)]
    forget(widget)
    del widget
    gc.collect()
    assert_gone(refs, before)


def test_closing_during_the_encode_drops_its_result():
    before, predictor = threads(), FakePredictor()
    predictor.encode_gate.shut()
    widget = WiredWidget(predictor=predictor)
    assert predictor.encode_gate.reached.wait(TIMEOUT_S)
    widget.say("add_point", **CLICK)
    thread = widget._controller.worker.thread
    widget.close()
    sent = len(widget.wire.sent)
    predictor.encode_gate.open()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert widget._controller.network.predictor is None
    assert widget._controller.network._embedding is None
    assert len(widget.wire.sent) == sent
    assert widget.status["phase"] == "closed"
    refs = [weakref.ref(widget)]
    del widget
    assert_gone(refs, before)


def test_a_callback_may_close_the_widget():
    before = threads()
    widget = WiredWidget()
    widget.on_change(lambda changed: changed.close())
    widget.say("add_point", **CLICK)
    for thread in threads():
        if thread not in before:
            thread.join(TIMEOUT_S)
    assert widget.comm is None
    assert len(widget.objects) == 1
    assert set(threads()) <= set(before)


def test_what_observes_the_widget_may_close_it_while_it_closes():
    widget = WiredWidget(np.zeros((96, 128, 3), np.uint8), FakePredictor())
    widget.wait(TIMEOUT_S)
    widget.observe(lambda _: widget.close(), "status")
    widget.close()
    finalizers = [item for item, info in weakref.finalize._registry.items() if info.weakref() is widget]
    assert len(finalizers) == 1, "what it holds is freed once"


def test_an_idle_widget_returns_its_freed_memory(make, monkeypatch):
    returned = threading.Event()
    monkeypatch.setattr("samwidget.widget.worker.return_freed_memory", returned.set)
    widget = make()
    widget._controller.worker._idle_s = 0.0
    widget.do("add_point", **CLICK)
    assert returned.wait(TIMEOUT_S)


def test_a_closed_widget_leaves_no_other_widget_open():
    from ipywidgets import Layout
    from ipywidgets.widgets import widget as registry

    before = set(registry._instances)
    WiredWidget().close()
    assert set(registry._instances) == before
    shared = Layout()
    WiredWidget(layout=shared).close()
    assert set(registry._instances) == {*before, shared.model_id}
    shared.close()


def test_an_idle_widget_keeps_no_thread(make):
    widget = make()
    worker = widget._controller.worker
    worker._idle_s = 0.0
    widget.do("add_point", **CLICK)
    thread = worker.thread
    if thread is not None:
        thread.join(TIMEOUT_S)
    assert worker.thread is None
    widget.do("add_point", x=70, y=40, label=1)
    assert len(widget.objects[0].prompts.points_xy) == 2


@pytest.fixture
def loads(monkeypatch):
    """Loading a network takes no torch here; lists what was loaded."""
    import sys
    import types

    loaded = []

    class SamPredictor(FakePredictor):
        @classmethod
        def from_pretrained(cls, model, **kwargs):
            loaded.append((model, kwargs))
            return cls()

    module = types.ModuleType("samwidget.predict.predictor")
    module.SamPredictor = SamPredictor
    monkeypatch.setitem(sys.modules, "samwidget.predict.predictor", module)
    return loaded


def test_a_network_is_loaded_once_while_somebody_uses_it(loads):
    first = open_predictor(None, "auto", "auto", None)
    assert open_predictor("nano", "auto", "auto", None) is first
    assert open_predictor("nano", "cpu", "auto", None) is not first
    assert [model for model, _ in loads] == [None, "nano"]
    gone = weakref.ref(first)
    del first
    gc.collect()
    assert gone() is None
    assert len(shared._predictors) == 0


def test_a_folder_whose_files_have_changed_is_another_network(loads, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    first = open_predictor(tmp_path, "auto", "auto", None)
    assert open_predictor(str(tmp_path), "auto", "auto", None) is first
    (tmp_path / "model.safetensors").write_bytes(b"trained further")
    assert open_predictor(tmp_path, "auto", "auto", None) is not first
