"""In a host with a loop for each session, everything that leaves and every function of the user waits for the loop."""

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from samwidget.widget.wire import outbox as outbox_module
from samwidget.widget.wire.host import AnyThread, SessionLoop, present_host
from tests.widget.fakes import TIMEOUT_S, WiredWidget

CLICK = {"x": 60, "y": 40, "label": 1}


class Loop:
    """The event loop of a session: runs what is scheduled, on the thread that asks for it."""

    def __init__(self):
        self._scheduled = []
        self._bell = threading.Condition()
        self.is_running = False

    def schedule(self, work):
        with self._bell:
            self._scheduled.append(work)
            self._bell.notify_all()

    def turn(self):
        """Waits until something is scheduled, and runs it."""
        with self._bell:
            assert self._bell.wait_for(lambda: self._scheduled, TIMEOUT_S)
            scheduled, self._scheduled = self._scheduled, []
        self.is_running = True
        for work in scheduled:
            work()
        self.is_running = False

    def turn_until(self, condition):
        while not condition():
            self.turn()


def test_a_kernel_takes_messages_from_any_thread():
    host, done = present_host(end=lambda: None), []
    assert isinstance(host, AnyThread)
    host.run(lambda: done.append(threading.current_thread()))
    assert done == [threading.current_thread()]


def test_a_session_gets_its_work_in_order_and_in_few_turns():
    loop, done = Loop(), []
    host = SessionLoop(loop.schedule)
    for number in range(5):
        host.run(lambda number=number: done.append(number))
    assert done == []
    assert len(loop._scheduled) == 1
    loop.turn()
    assert done == [0, 1, 2, 3, 4]
    host.run(lambda: done.append(5))
    loop.turn()
    assert done[-1] == 5


def test_work_that_fails_does_not_hold_up_the_rest(caplog):
    loop, done = Loop(), []
    host = SessionLoop(loop.schedule)
    host.run(lambda: done[0])
    host.run(lambda: done.append("next"))
    loop.turn()
    assert done == ["next"]
    assert "could not be sent" in caplog.text


def test_a_session_that_has_ended_drops_the_work():
    def schedule(work):
        raise AttributeError("the document was destroyed")

    host = SessionLoop(schedule)
    host.run(lambda: None)
    host.run(lambda: None)
    assert host._waiting == []


def test_work_may_ask_for_more():
    loop, done = Loop(), []
    host = SessionLoop(loop.schedule)
    host.run(lambda: host.run(lambda: done.append("later")))
    loop.turn()
    assert done == []
    loop.turn()
    assert done == ["later"]


@pytest.fixture
def session(monkeypatch):
    """A loop, in whose session widgets are made."""
    loop = Loop()
    monkeypatch.setattr(outbox_module, "present_host", lambda end: SessionLoop(loop.schedule))
    return loop


class LoopedWidget(WiredWidget):
    """A widget whose host raises where anything is sent beside the loop, as Shiny does."""

    loop = None

    def send(self, content, buffers=None):
        assert self.loop.is_running, "outside of the session"
        super().send(content, buffers)

    def send_state(self, key=None):
        if self._turning_or_none is not None:
            assert self.loop.is_running, "outside of the session"
        super().send_state(key)


@pytest.fixture
def looped(session):
    LoopedWidget.loop = session
    widget = LoopedWidget(np.zeros((96, 128, 3), np.uint8))
    yield widget
    widget.close()


def test_replies_traits_and_listeners_reach_the_session_on_its_loop(looped, session):
    heard, seen = [], []
    looped.on_change(lambda widget: heard.append((session.is_running, len(widget.objects))))
    looped.observe(lambda change: seen.append((session.is_running, len(change["new"]["objects"]))), "document")
    request = looped.say("add_point", **CLICK)
    session.turn_until(lambda: heard)
    assert heard == [(True, 1)]
    assert seen == [(True, 1)]
    assert looped.wire.kinds(re=request) == ["ack", "masks", "done"]
    kinds = looped.wire.kinds()
    assert kinds.index("masks") < kinds.index("trait:document") < kinds.index("done")


def test_a_listener_on_the_loop_may_use_the_widget(looped, session):
    added = []

    def add_once(widget):
        if not added:
            added.append(
                widget.add(points=[[20, 20]])
            )  # waits for the widget's thread, which must not wait for the loop

    looped.on_change(add_once)
    looped.say("add_point", **CLICK)
    session.turn_until(lambda: len(looped.document["objects"]) == 2)
    assert [item.id for item in looped.objects] == [1, 2]


def test_python_on_the_loop_does_not_wait_for_itself(looped, session):
    looped.add(points=[[60, 40]])
    looped.wait(TIMEOUT_S)
    assert len(looped.objects) == 1
    session.turn_until(lambda: looped._snapshot)
    assert len(looped.document["objects"]) == 1


def test_closing_sends_what_waits_and_no_more(looped, session):
    looped.wait(TIMEOUT_S)
    looped.close()
    session.turn_until(lambda: looped.status["phase"] == "closed")
    sent = len(looped.wire.sent)
    looped.say("add_point", **CLICK)
    session.schedule(lambda: None)
    session.turn()
    assert len(looped.wire.sent) == sent


def test_an_app_is_told_from_a_notebook(monkeypatch):
    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)
    monkeypatch.setitem(sys.modules, "marimo", SimpleNamespace(app_meta=lambda: SimpleNamespace(mode="edit")))
    assert not AnyThread().is_app
    monkeypatch.setitem(sys.modules, "marimo", SimpleNamespace(app_meta=lambda: SimpleNamespace(mode="run")))
    assert AnyThread().is_app
    monkeypatch.delitem(sys.modules, "marimo")
    assert not AnyThread().is_app
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.12")
    assert AnyThread().is_app
    assert SessionLoop(lambda work: None).is_app


def test_an_app_saves_nothing_for_those_who_see_it(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.12")
    widget = make()
    widget.do("hello")
    assert widget.wire.wait_for("image")[0]["is_app"] is True
    error, _ = widget.wire.wait_for("error", re=widget.say("save_session", path="labels.samw"))
    assert (error["code"], error["message"]) == ("session", "An app saves nothing for those who see it.")
    assert not list(tmp_path.iterdir())
