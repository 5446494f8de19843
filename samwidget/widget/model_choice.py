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
from pathlib import Path
from typing import TYPE_CHECKING

from samwidget.core import held_interrupts, memory_bytes
from samwidget.errors import ModelError, StoppedError
from samwidget.models import MODELS, hub, is_here
from samwidget.widget.controller import Controller
from samwidget.widget.model_sources import ModelOptions, source_of
from samwidget.widget.network import BUNDLED, ModelSource, Network
from samwidget.widget.protocol.fields import Availability, ChangePhase, short_text
from samwidget.widget.protocol.message import optional, to_json
from samwidget.widget.protocol.replies import DoneReply, ModelRow, ModelsReply
from samwidget.widget.traits import ModelChange, ModelsStatus
from samwidget.widget.wire.outbox import Outbox, sentence
from samwidget.widget.worker import Worker

if TYPE_CHECKING:
    from samwidget.models import ModelCard

# Beside the weights a model needs memory for the layers' output: about as much again, and torch itself.
_MEMORY_FACTOR, _TORCH_MB = 2.0, 1000.0
_MB = 1_000_000


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
        cancel: ends the change where it is set.
        ended: done when the model is in use; holds the error where it is not.
    """

    source: ModelSource
    is_of_hub: bool
    re: str | None = None
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
        self._change: _Change | None = None
        source = present().network.source
        self._python_sources = {} if source is BUNDLED else {source.name: source}

    def publish(self, change: ModelChange | None = None) -> None:
        """Says in the trait whether a view may choose, and how far a change is."""
        status = ModelsStatus(self._can_choose, sentence(self._note), optional(change))
        self._outbox.assign("models", to_json(status))

    def use(self, source: ModelSource, options: ModelOptions) -> None:
        """Uses another model; returns when it is in use.

        Args:
            source: of the model.
            options: how it is opened.

        Raises:
            ModelError: it cannot be loaded, or it failed on the image; the present model stays.
            StoppedError: somebody chose another one meanwhile, or cancelled.
            ClosedError: the widget is closed.
        """
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
        """The models that the widget can use: those that Python gave, those known by name, and others of the hub."""
        in_use = self._present().network.name
        can_download = self._menu.options.local_files_only is not True and not hub.is_offline()
        cards = {card.name: card for card in MODELS}
        others = [repo for repo in hub.repos_here() if repo not in cards]
        python_names = [
            name for name in {**self._python_sources, in_use: None} if name not in cards and name not in others
        ]
        rows = [_row_of_given(name, name == in_use) for name in python_names]
        rows += [_row_of_card(card, card.name == in_use, can_download) for card in MODELS]
        rows += [_row_of_repo(repo, repo == in_use) for repo in others]
        families = list(dict.fromkeys(row.family for row in rows))
        return sorted(rows, key=lambda row: families.index(row.family))

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
        with self._lock:
            is_last = self._change is change
            if is_last:
                self._change = None
        if is_last:
            self.publish()
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
        name = change.source.name
        self._check_wanted(change)
        if change.is_of_hub and not hub.is_repo_here(name):
            self._show(change, "downloading")
            hub.download(name, lambda done, total: self._show(change, "downloading", done, total), change.cancel)
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
            if self._change is not change or change.cancel.is_set():
                return
        self.publish(ModelChange(change.source.name, phase, done, total))


def _row_of_card(card: ModelCard, is_used: bool, can_download: bool) -> ModelRow:
    availability: Availability = "gated" if card.is_gated else "download"
    if is_used or is_here(card):
        availability = "here"
    elif not can_download:
        availability = "missing"
    reads_words = "text" in card.prompts
    needs_mb = _needs_mb(card.size_mb)
    return ModelRow(
        card.name, card.family, card.licence, availability, reads_words, is_used, card.size_mb, optional(needs_mb)
    )


def _row_of_repo(repo: str, is_used: bool) -> ModelRow:
    """A model of the hub that is here and that ``MODELS`` does not list."""
    folder = hub.folder_here(repo)
    family = "" if folder is None else str(hub.model_type_of(folder)).removesuffix("_video")
    size_mb = None if folder is None else _size_mb(folder)
    return ModelRow(repo, family, "", "here", False, is_used, optional(size_mb), optional(_needs_mb(size_mb)))


def _row_of_given(name: str, is_used: bool) -> ModelRow:
    """A folder, a file or a predictor that Python gave."""
    size_mb = _size_mb(Path(name).expanduser())
    return ModelRow(name, "", "", "here", False, is_used, optional(size_mb), optional(_needs_mb(size_mb)))


def _size_mb(path: Path) -> float | None:
    """Megabytes of the weights in a folder, or of a file; None where there are none."""
    try:
        count = hub.weights_bytes(path) if path.is_dir() else path.stat().st_size
    except (OSError, ValueError):  # a name that no file can have
        return None
    return round(count / _MB, 1) or None


def _needs_mb(size_mb: float | None) -> float | None:
    """About the memory that a model needs, where this computer has less; else None."""
    limit = memory_bytes()
    needs_mb = _MEMORY_FACTOR * (size_mb or 0) + _TORCH_MB
    return needs_mb if limit is not None and needs_mb * _MB > limit else None
