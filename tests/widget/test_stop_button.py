"""The notebook's Stop button, which sends Ctrl-C: whenever it comes, nothing is lost, done twice or left locked."""

import signal
import threading

import pytest

from samwidget.widget.worker import Worker
from tests.ctrl_c import every_step, heeded, needs_ctrl_c
from tests.new_thread import in_new_thread
from tests.widget.fakes import TIMEOUT_S, WiredWidget

pytestmark = [
    needs_ctrl_c,
    # Python cannot raise Ctrl-C while a weak reference ends.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def widget():
    widget = WiredWidget()
    widget.wait(TIMEOUT_S)
    yield widget
    widget.close()


@pytest.mark.parametrize("presses", [1, 2])
def test_a_click_is_taken_once_or_dropped_before_it_is_remembered(widget, presses):
    """A page repeats what was not acknowledged, and what is not done: both must end in one object for each click."""
    number, raised, dropped = 0, 0, 0

    def click():
        message = {"v": 1, "kind": "add_box", "id": f"click {number}", "box": [1, 1, 9 + number % 50, 30]}
        widget.hear(message)

    for was_raised in every_step(click, presses=presses):
        raised += was_raised
        dropped += "ack" not in widget.wire.kinds(f"click {number}")
        click()
        widget.wire.wait_for("done", re=f"click {number}")
        assert len(widget.objects) == 1, f"{len(widget.objects)} objects of one click"
        widget.clear()
        number += 1
    assert 0 < dropped < raised


class Page:
    """A page's end of the link: its requests, in the order of its user."""

    def __init__(self, widget):
        self.widget = widget
        self.requests = {}
        self.count = 0

    def request(self, kind, **fields):
        """Makes a request and returns its message, which says what must have come before it."""
        self.count += 1
        name = f"page-{self.count}"
        self.requests[name] = {"v": 1, "kind": kind, "id": name, **fields}
        return self.message(name)

    def message(self, name):
        before = list(self.requests)[: list(self.requests).index(name)]
        unheard = [other for other in before if not self.is_acknowledged(other)]
        return self.requests[name] | ({"after": unheard[-1]} if unheard else {})

    def is_acknowledged(self, name):
        return "ack" in self.widget.wire.kinds(name)

    def repeat(self):
        """Sends again, in order, what is not acknowledged."""
        for name in self.requests:
            if not self.is_acknowledged(name):
                self.widget.hear(self.message(name))


def test_a_request_waits_for_an_earlier_one_that_was_dropped(widget):
    """The name is that of the click before it, whichever message Ctrl-C drops."""
    dropped = 0
    page = Page(widget)
    clicks = [page.request("add_box", box=[1, 1, 30, 30])]
    for _ in every_step(lambda: widget.hear(clicks[-1])):
        rename = page.request("rename", object=None, name="cup")
        widget.hear(rename)
        if not page.is_acknowledged(clicks[-1]["id"]):
            dropped += 1
            widget.wire.wait_for("resend", re=rename["id"])
        page.repeat()
        widget.wire.wait_for("done", re=rename["id"])
        assert [item.name for item in widget.objects] == ["cup"]
        widget.clear()
        page.requests.clear()
        widget.wire.sent.clear()
        clicks.append(page.request("add_box", box=[1, 1, 30, 30]))
    assert dropped > 0


def test_a_call_leaves_the_worker_usable():
    worker = Worker("test", idle_s=0.0)  # each call starts a thread
    for _ in every_step(lambda: worker.call(lambda: None)):
        assert worker.call(lambda: "still here", TIMEOUT_S) == "still here"
        assert in_new_thread(lambda: worker.call(lambda: "to others", TIMEOUT_S)) == "to others"
    worker.close()


def test_a_search_ends_and_leaves_the_widget_usable(widget):
    phases = set()
    for _ in every_step(lambda: widget.everything(keep=False, points_per_side=2), stride=7):
        assert in_new_thread(lambda: widget.wait(TIMEOUT_S) or "usable") == "usable"
        phases |= {message["phase"] for message, _ in widget.wire.all("found")[-1:]}
    assert phases == {"cancelled", "done"}


def test_boxes_are_all_added_or_none_and_the_widget_stays_usable(widget):
    boxes = [[x, 10, x + 20, 40] for x in range(20)]
    for _ in every_step(lambda: widget.add_boxes(boxes), stride=7):
        assert in_new_thread(lambda: widget.wait(TIMEOUT_S) or "usable") == "usable"
        assert widget.status.get("making") is None
        assert len(widget.objects) in (0, 20)
        widget.clear()


def test_a_job_that_waits_is_withdrawn_and_the_wait_ends_at_once():
    worker, ran, go_on = Worker("test"), [], threading.Event()
    worker.submit(lambda: go_on.wait(TIMEOUT_S))
    main = threading.main_thread().ident
    timer = threading.Timer(0.1, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    with heeded(), pytest.raises(KeyboardInterrupt):
        worker.call(lambda: ran.append(True))
    go_on.set()
    worker.call(lambda: None)
    assert ran == []
    worker.close()


def test_a_function_of_the_user_that_observes_a_setting_can_be_stopped(widget):
    """The views get the settings that there are; what the function had not done is the user's decision."""

    def stop(_):
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not stopped")

    widget.observe(stop, "opacity")
    sent = len(widget.wire.sent)
    with heeded(), pytest.raises(KeyboardInterrupt):
        widget.set_state({"opacity": 0.25})
    restored = [message["value"] for message, _ in widget.wire.sent[sent:] if message["kind"] == "trait:opacity"]
    assert restored[-1] == widget.opacity
