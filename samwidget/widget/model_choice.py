"""Model choice: the models that a widget can use, and the change from one to another.

A change downloads the model where it is not here, loads it and encodes the image, all on a thread of its own: clicks go
on with the present model. Then the worker changes the model between two jobs. Where anything fails, or somebody
cancels, the present model stays. The trait ``models`` says how far a change is. ``turning`` has the choice of its
widget; ``SamWidget.use_model`` and ``handlers`` call it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from samwidget.core import held_interrupts
from samwidget.errors import ModelError, StoppedError
from samwidget.models import hub
from samwidget.widget.controller import Controller
from samwidget.widget.model_rows import rows_of_models
from samwidget.widget.model_sources import ModelOptions, source_of
from samwidget.widget.network import BUNDLED, ModelSource, Network
from samwidget.widget.protocol.fields import ChangePhase, short_text
from samwidget.widget.protocol.message import optional, to_json
from samwidget.widget.protocol.replies import DoneReply, ModelRow, ModelsReply
from samwidget.widget.traits import ModelChange, ModelsStatus
from samwidget.widget.wire.outbox import Outbox, sentence
from samwidget.widget.worker import Worker


@dataclass(frozen=True)
class ModelMenu:
    """What the arguments of a widget say about its models.

    Attributes:
        is_allowed: whether a view may choose the model; None allows it but in an app, which strangers may use.
        options: how the models that a view chooses are opened.
        note: why the model is not the one of the session file; empty where there is nothing to say.
    """

    is_allowed: bool | None = None
    options: ModelOptions = field(default_factory=ModelOptions)
    note: str = ""


@dataclass(eq=False)
class _Change:
    """One change to another model.

    Attributes:
        source: of the model.
        is_of_hub: whether it is downloaded where it is not here.
        re: id of the browser's request; None where Python asked.
        progress: how far it is, as the views have it.
        cancel: ends the change where it is set.
        ended: done when the model is in use; holds the error where it is not.
    """

    source: ModelSource
    is_of_hub: bool
    re: str | None = None
    progress: ModelChange | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    ended: Future[None] = field(default_factory=Future)


class ModelChoice:
    """The models of one widget. Methods may be called from any thread.

    Args:
        present: returns the controller of the image that is shown.
        forget_encoded: called on the worker's thread when another model is in use, which has encoded no other image.
        outbox: sends replies and the trait.
        menu: what the arguments of the widget say.
    """

    def __init__(
        self, present: Callable[[], Controller], forget_encoded: Callable[[], None], outbox: Outbox, menu: ModelMenu
    ) -> None:
        self._present = present
        self._forget_encoded = forget_encoded
        self._outbox = outbox
        self._menu = menu
        self._note = menu.note
        self._worker = Worker("samwidget models")
        # An RLock, because garbage collection may close the widget on this very thread.
        self._lock = threading.RLock()
        self._publisher: int | None = None  # the thread whose observers hear of a change just now, under the lock
        self._change: _Change | None = None
        source = present().network.source
        self._python_sources = {} if source is BUNDLED else {source.name: source}

    def publish(self) -> None:
        """Says in the trait whether a view may choose, and how far a change is."""
        with self._lock:  # otherwise an older state could follow a newer one
            progress = None if self._change is None else self._change.progress
            status = ModelsStatus(self._can_choose, sentence(self._note), optional(progress))
            before, self._publisher = self._publisher, threading.get_ident()
            try:
                self._outbox.assign("models", to_json(status))
            finally:
                self._publisher = before

    def use(self, source: ModelSource, options: ModelOptions) -> None:
        """Uses another model; returns when it is in use.

        Args:
            source: of the model.
            options: how it is opened.

        Raises:
            ModelError: it cannot be loaded, or it failed on the image; the present model stays. Also where a function
                calls this that observes ``models``: each change waits for it.
            StoppedError: somebody chose another one meanwhile, or cancelled.
            ClosedError: the widget is closed.
        """
        if self._publisher == threading.get_ident():
            raise ModelError(
                "a function that observes the models cannot change the model", hint="change it in another cell"
            )
        is_of_hub = options.local_files_only is not True and hub.is_hub_id(source.name)
        change = _Change(source, is_of_hub)
        try:
            self._begin(change)
            if self._present().worker.is_current:  # called by a function given to on_change, for which all others wait
                self._carry_out(change)
            with held_interrupts() as interrupts:
                interrupts.wait_for(change.ended)
                change.ended.result()
        except BaseException:  # also the notebook's Stop button
            self._cancel(change)
            raise
        with self._lock:
            self._python_sources[source.name] = source

    def choose(self, name: str, re: str) -> None:
        """Begins to use a model that a view asks for.

        Args:
            name: one of those that ``send_rows`` sends.
            re: id of the request, which gets its reply when the model is in use.

        Raises:
            ModelError: this widget has no menu of models, or the menu has no such model.
        """
        self._check_allowed()
        if name not in {row.name for row in self.rows()}:
            hint = "choose one of the menu, or use w.use_model(...) in Python"
            raise ModelError(f"there is no model {short_text(name)} in the menu", hint=hint)
        network = self._present().network
        if name == network.name and network.is_ready:
            self.cancel()
            self._outbox.send(DoneReply(re))
            return
        source = self._python_sources.get(name)
        options = self._menu.options
        if source is None and hub.is_hub_id(name):
            # What is here is used as it is, and the rest is downloaded first.
            source = source_of(name, ModelOptions(options.device, options.dtype, local_files_only=True))
        source = source or source_of(name, options)
        self._begin(_Change(source, options.local_files_only is not True and hub.is_hub_id(name), re))

    def fetch(self, source: ModelSource) -> None:
        """Downloads a model that is about to be loaded, where it is not here; a view can cancel.

        Raises:
            ModelError: that is not possible.
            StoppedError: somebody cancelled, or chose another model.
        """
        if self._menu.options.local_files_only is True or hub.is_offline() or not hub.is_hub_id(source.name):
            return
        change = _Change(source, is_of_hub=True)
        with held_interrupts(), self._lock:
            if self._change is None:
                self._change = change
        try:
            self._download(change)
        finally:
            self._finish(change)

    def cancel(self) -> None:
        """Ends the change; does nothing where there is none."""
        with held_interrupts(), self._lock:
            change, self._change = self._change, None
            if change is not None:
                change.cancel.set()
                self.publish()

    def _cancel(self, change: _Change) -> None:
        with held_interrupts(), self._lock:
            if change is self._change:
                self.cancel()

    def send_rows(self, re: str) -> None:
        """Sends a view the models that it can choose; raises ModelError where it may not."""
        self._check_allowed()
        self._outbox.send(ModelsReply(re, self.rows()))

    def rows(self) -> list[ModelRow]:
        """The models that the widget can use."""
        can_download = self._menu.options.local_files_only is not True and not hub.is_offline()
        return rows_of_models(self._present().network.name, list(self._python_sources), can_download)

    def close(self) -> None:
        """Ends the change and begins no other."""
        self.cancel()
        self._worker.close()

    @property
    def _can_choose(self) -> bool:
        is_allowed = not self._outbox.is_app if self._menu.is_allowed is None else self._menu.is_allowed
        return is_allowed and not self._present().network.is_remote

    def _check_allowed(self) -> None:
        if not self._can_choose:
            raise ModelError("the model of this widget cannot be chosen on the screen", hint="use w.use_model(...)")

    def _begin(self, change: _Change) -> None:
        """Carries a change out soon; one that is in work ends."""
        with held_interrupts(), self._lock:
            self.cancel()
            self._change = change
            self._show(change, "waiting")
            if not self._present().worker.is_current:
                self._worker.submit(lambda: self._carry_out(change))

    # On the thread of the models.

    def _carry_out(self, change: _Change) -> None:
        error: Exception | None = None
        try:
            self._change_model(change)
        except Exception as caught:
            error = caught
        self._finish(change)
        if change.re is not None and error is None:
            self._outbox.send(DoneReply(change.re))
        elif change.re is not None and error is not None:
            self._outbox.send_error(error, re=change.re)
        if error is None:
            change.ended.set_result(None)
        else:
            change.ended.set_exception(error)

    def _change_model(self, change: _Change) -> None:
        """Uses the model, or raises why it cannot be used; then nothing has changed."""
        self._check_wanted(change)
        if change.is_of_hub:
            self._download(change)
        self._show(change, "loading")
        controller = self._present()
        network = controller.network.another(change.source)
        network.load()
        while True:
            self._check_wanted(change)
            self._show(change, "encoding")
            network = network.for_image(controller.image.pixels)
            encode_s = network.encode()
            if self._present().worker.call(lambda: self._take(change, controller, network, encode_s)):  # noqa: B023
                return
            controller = self._present()  # the page was turned meanwhile

    def _download(self, change: _Change) -> None:
        name = change.source.name
        if not hub.is_repo_here(name):
            self._show(change, "downloading")
            hub.download(name, lambda done, total: self._show(change, "downloading", done, total), change.cancel)

    def _finish(self, change: _Change) -> None:
        with held_interrupts(), self._lock:
            if self._change is change:
                self._change = None
                self.publish()

    def _take(self, change: _Change, controller: Controller, network: Network, encode_s: float) -> bool:
        """Changes the model on the worker's thread; returns False where another image is shown now."""
        self._check_wanted(change)
        if self._present() is not controller:
            return False
        self._note = ""
        controller.change_model(network, encode_s)
        self._forget_encoded()
        return True

    def _check_wanted(self, change: _Change) -> None:
        if change.cancel.is_set():
            name = self._present().network.name
            raise StoppedError(f"the change to {change.source.name} was cancelled, and {name} stays in use")

    def _show(self, change: _Change, phase: ChangePhase, done: int = 0, total: int = 0) -> None:
        with self._lock:
            change.progress = ModelChange(change.source.name, phase, done, total)
            if self._change is change:
                self.publish()
