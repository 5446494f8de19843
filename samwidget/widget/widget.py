"""SamWidget: the traits that notebook and browser share, and what Python can do with a widget.

Owns no work of its own: clicks go through ``router`` to ``session``, and the methods here ask the same session.
Loading this module loads neither torch nor transformers; the first widget does, on its own thread.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import traitlets
from PIL import Image

from samwidget.core import SegmentedObject, checked_mask, logits_of_mask, make_prompt
from samwidget.document import Document
from samwidget.errors import PromptError
from samwidget.images import draw_overlay, encode_small_png, load_rgb
from samwidget.predict import open_predictor
from samwidget.widget.controller import Session
from samwidget.widget.export import request_of, response_to
from samwidget.widget.measured import Measured
from samwidget.widget.network import Engine
from samwidget.widget.photo import Album
from samwidget.widget.protocol import check_name
from samwidget.widget.status import Status, first_status
from samwidget.widget.traits import KERNEL_OWNED, SharedTraits
from samwidget.widget.wire.encode import empty_summary
from samwidget.widget.wire.inbox import Router
from samwidget.widget.wire.outbox import Outbox

if TYPE_CHECKING:
    from samwidget.formats.azure_ml import Style
    from samwidget.predict import SamPredictor


class SamWidget(SharedTraits):
    """A photo to click on; a network in the kernel answers with masks.

    The photo shows at once; the network is loaded and the photo encoded on a thread of the widget's own, and clicks
    made before that are kept. Methods that change something wait for their turn behind the user's clicks, and what they
    return or raise is final. ``objects``, ``masks`` and their like show everything the user had clicked before.

    Args:
        image: path, URL, bytes, PIL image, (H, W[, 3 or 4]) array or (3, H, W) tensor.
        model: a network by name or folder; None takes the bundled one. Widgets with the same network share it.
        predictor: a ``SamPredictor`` of yours instead of a name; it is not closed with the widget.
        device: ``auto`` takes a GPU where there is one.
        dtype: ``auto`` takes float16 on CUDA and float32 elsewhere.
        local_files_only: True never downloads; None follows the environment variable HF_HUB_OFFLINE.
        threshold: logits above it are mask, -4 to 4; lower grows the masks.
        opacity: of the masks' fill, 0 to 1.
        hover: whether the mask under the pointer is previewed.
        tool: what a click does: ``select``, ``include``, ``exclude``, ``box`` or ``pan``.
        theme: ``light``, ``dark``, or ``auto`` as the notebook.
        height: of the widget, CSS pixels or a CSS length; None follows the photo. The same as ``layout.height``.
        **kwargs: what any ipywidget takes, such as ``layout``.

    Raises:
        ImageError: the image cannot be read.
        TypeError: an argument that there is not, or ``predictor`` together with what chooses a network.
        TraitError: a setting out of its range.
    """

    # Garbage collection closes a widget also where __init__ did not get far.
    _session: Session | None = None

    def __init__(
        self,
        image: Any,
        model: str | Path | None = None,
        *,
        predictor: SamPredictor | None = None,
        device: Any = "auto",
        dtype: Any = "auto",
        local_files_only: bool | None = None,
        threshold: float = 0.0,
        opacity: float = 0.45,
        hover: bool = True,
        tool: str = "include",
        theme: str = "auto",
        height: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        known = {name for name in self.trait_names() if not name.startswith("_")} - KERNEL_OWNED
        if unknown := sorted(kwargs.keys() - known):
            raise TypeError(f"SamWidget() got an unexpected argument {unknown[0]!r}")
        if predictor is not None and (model, device, dtype, local_files_only) != (None, "auto", "auto", None):
            raise TypeError("give either predictor, or model, device, dtype and local_files_only")
        self._source = image
        self._image = _own(load_rgb(image), image)
        self._image_id = secrets.token_hex(4)
        self._network_name = predictor.name if predictor is not None else "nano" if model is None else str(model)
        super().__init__(threshold=threshold, opacity=opacity, hover=hover, tool=tool, theme=theme, **kwargs)
        if height is not None:
            self.layout.height = f"{height}px" if isinstance(height, int) else height

        def choose_predictor() -> SamPredictor:
            return open_predictor(model, device, dtype, local_files_only) if predictor is None else predictor

        self._start(choose_predictor)

    def _start(self, choose_predictor: Callable[[], SamPredictor]) -> None:
        """Wires the parts together and sets them going."""
        document, measured, outbox = Document(), Measured(), Outbox(self)
        measured.threshold = self.threshold
        engine = Engine(self._image, choose_predictor)
        self._album = Album(self._image, self._image_id, outbox, lambda: measured.at(document.state.objects))
        self._album.opacity = self.opacity
        status = Status(engine, outbox, self._network_name)
        session = Session(document, engine, self._album, outbox, measured, status, self._image_id)
        router = Router(outbox, session.take)
        self.on_msg(lambda _widget, content, buffers: router.handle(content, buffers))
        self._session = session
        session.start()

    # What the user has made.

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, read-only: what the network and the screen see."""
        return self._image

    @property
    def objects(self) -> tuple[SegmentedObject, ...]:
        """Every object, oldest first, at the present threshold; the one being refined is among them."""
        return self._running.objects()

    @property
    def masks(self) -> npt.NDArray[np.bool_]:
        """(N, H, W) bool, one mask per object; objects may overlap."""
        objects = self.objects
        out = np.zeros((len(objects), *self._image.shape[:2]), np.bool_)
        for mask, found in zip(out, objects, strict=True):
            mask[:] = found.mask
        return out

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """(N,) float32, the network's estimate of each mask's IoU; 1 for a mask that was given."""
        return np.array([found.score for found in self.objects], np.float32)

    def label_map(self) -> npt.NDArray[np.int32]:
        """(H, W) int32: 0 outside, n where the n-th of ``objects`` is, counted from 1; later objects lie on top."""
        out = np.zeros(self._image.shape[:2], np.int32)
        for number, found in enumerate(self.objects, start=1):
            out[found.mask] = number
        return out

    def snapshot(self) -> Image.Image:
        """The photo at its own size with the visible masks drawn over it."""
        return Image.fromarray(draw_overlay(self._image, self.objects, self.opacity))

    def request(self) -> dict[str, Any]:
        """The documented request that asks a service for the same objects: one row each, three masks per row.

        The image is sent as its own file where it came from a JPEG or PNG, and as PNG otherwise. Replayed on the same
        network it gives the same masks. An object that was given as a mask is asked for by the box around it, since a
        request has no masks.

        Raises:
            FormatError: an object has neither a prompt nor any pixels.
        """
        return request_of(self._image, self._source, self.objects)

    def response(self, style: Style = "card") -> list[dict[str, Any]]:
        """The documented response with base64 PNG masks: per object one row of one prediction, as ``request`` asks.

        Args:
            style: ``card`` as the model card documents it, ``service`` as deployed endpoints answer.

        Raises:
            FormatError: an unknown style.
        """
        return response_to(self.objects, style)

    # What Python changes; each waits for its turn, and undo takes it back.

    def add(
        self,
        points: npt.ArrayLike | None = None,
        labels: npt.ArrayLike | None = None,
        box: npt.ArrayLike | None = None,
        mask: npt.ArrayLike | None = None,
        name: str | None = None,
    ) -> SegmentedObject:
        """Adds one object and returns it; what the user is refining stays as it is.

        Args:
            points: (N, 2) or (2,), image pixels, x before y.
            labels: (N,), 1 includes and 0 excludes; None includes all.
            box: (4,) x0, y0, x1, y1 in image pixels, maximum exclusive.
            mask: (H, W) bool. Alone it is the object, to the pixel; beside points or a box the network starts from it.
            name: "object N" where left out.

        Raises:
            PromptError: nothing was given, or what was given does not fit the image.
            ModelError: there is no network, or it failed.
            ClosedError: after ``close``.
        """
        prompt = make_prompt(points, labels, box)
        pixels = None if mask is None else checked_mask(mask, (self._image.shape[0], self._image.shape[1]))
        if prompt.is_empty and pixels is None:
            raise PromptError("nothing says what to add", hint="give points, a box or a mask")
        session, name = self._running, None if name is None else _checked_name(name)
        document, engine = session.document, session.engine

        def work() -> SegmentedObject:
            if pixels is None:
                return document.add(engine.ask(prompt), name=name, activate=False)
            whole = replace(prompt, mask=logits_of_mask(pixels, engine.frame))
            if prompt.is_empty:
                return document.add_mask(pixels, whole, engine.frame, name=name)
            return document.add(engine.ask(whole), name=name, activate=False)

        return session.measured(session.call(work, needs_network=True))

    def everything(self, *, keep: bool = True, **options: Any) -> tuple[SegmentedObject, ...]:
        """Finds everything in the photo, makes it objects in one step of the history and returns those, largest first.

        The masks appear in the views while the search runs, with its progress and a Cancel button. Cancelled there, the
        call returns what was found until then. Interrupted by the notebook's Stop button, or after a failure, what was
        found stays on the screen, where the user may keep or discard it. What an earlier search left there goes.

        Args:
            keep: False leaves all of it on the screen, for the user to filter and keep, and returns ().
            **options: those of ``generate_masks``, with its defaults: ``points_per_side``, ``points_per_batch``,
                ``pred_iou_thresh``, ``stability_score_thresh``, ``stability_score_offset``, ``box_nms_thresh``,
                ``crop_n_layers``, ``crop_nms_thresh``, ``crop_overlap_ratio``, ``crop_n_points_downscale_factor``,
                ``point_grids``, ``min_mask_region_area``. Fewer points are quicker, crops find smaller objects.

        Returns:
            New objects at the present threshold. Each has the point that found it as its prompt, so that clicks refine
            it; one that was found in a crop, or has lost small regions, is an object that was given as a mask.

        Raises:
            PromptError: an option out of its range.
            TypeError: an option that there is not.
            ModelError: there is no network, or it failed.
            ClosedError: after ``close``, and where the widget is closed meanwhile.
        """
        return self._running.everything(options, keep=keep)

    def select(self, object_id: int | None) -> None:
        """Lets the next click refine this object; None lets it begin one.

        Raises:
            PromptError: there is no object of that id.
            ClosedError: after ``close``.
        """
        document = self._running.document
        self._running.call(lambda: document.select(object_id))

    def accept(self) -> None:
        """Finishes the object being refined: the next click begins one. Raises ClosedError after ``close``."""
        self.select(None)

    def rename(self, object_id: int, name: str) -> None:
        """Names an object.

        Raises:
            PromptError: there is no object of that id, or the name is blank or longer than 80 characters.
            ClosedError: after ``close``.
        """
        document, name = self._running.document, _checked_name(name)
        self._running.call(lambda: document.rename(object_id, name))

    def delete(self, object_id: int) -> None:
        """Removes an object.

        Raises:
            PromptError: there is no object of that id.
            ClosedError: after ``close``.
        """
        document = self._running.document
        self._running.call(lambda: document.delete(object_id))

    def clear(self) -> None:
        """Removes every object, in one step of the history. Raises ClosedError after ``close``."""
        self._running.call(self._running.document.clear)

    def undo(self) -> bool:
        """Takes the last step back, the user's or Python's; False where there is none.

        Raises:
            ClosedError: after ``close``.
        """
        return self._running.call(self._running.document.undo)

    def redo(self) -> bool:
        """Takes the last undo back; False where there is none.

        Raises:
            ClosedError: after ``close``.
        """
        return self._running.call(self._running.document.redo)

    # The life of a widget.

    @property
    def predictor(self) -> SamPredictor:
        """The network; waits until it is loaded.

        Raises:
            ModelError: it cannot be loaded.
            ClosedError: after ``close``.
        """
        engine = self._running.engine
        found = engine.predictor
        if found is None:
            found = self._running.call(lambda: engine.predictor, needs_network=True)
        assert found is not None
        return found

    def wait(self, timeout_s: float | None = None) -> None:
        """Waits until the photo is encoded and everything that was asked for is done and drawn.

        For scripts, and for notebooks that run without a person before they are exported.

        Raises:
            ModelError: there is no network, or it failed on the photo.
            TimeoutError: ``timeout_s`` passed.
            ClosedError: after ``close``.
        """
        self._running.wait(timeout_s)

    def on_change(self, callback: Callable[[SamWidget], object]) -> Callable[[], None]:
        """Calls ``callback(widget)`` after each change of the objects; returns a function that ends that.

        The call comes on the widget's own thread, where the widget's methods may be used. What the callback raises is
        shown as a warning and on the widget.
        """
        return self._running.listen(callback)

    def close(self) -> None:
        """Takes the widget off every page and frees its thread, embedding and network; may be repeated.

        The objects can still be read. A job that runs now ends first, unseen.
        """
        if self._session is not None:
            self._session.close()
        super().close()

    def __enter__(self) -> SamWidget:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        height, width = self._image.shape[:2]
        count = 0 if self._session is None else len(self._session.document.state.objects)
        return f"SamWidget({width} x {height} pixels, {count} object{'' if count == 1 else 's'})"

    # What ipywidgets calls.

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        # A small picture beside the view, for places that show notebooks without running them.
        shown = super()._repr_mimebundle_(**kwargs)
        if shown is not None:
            png = encode_small_png(self._album.small_picture())
            shown[0]["image/png"] = base64.b64encode(png).decode("ascii")
        return shown

    @property
    def _running(self) -> Session:
        assert self._session is not None, "__init__ has not ended"
        return self._session

    @traitlets.default("document")
    def _first_document(self) -> dict[str, Any]:
        return dict(empty_summary(self._image_id))

    @traitlets.default("status")
    def _first_status(self) -> dict[str, Any]:
        return first_status(self._network_name)

    @traitlets.observe("threshold")
    def _follow_threshold(self, change: Any) -> None:
        if self._session is not None:
            self._session.set_threshold(change["new"])

    @traitlets.observe("opacity")
    def _follow_opacity(self, change: Any) -> None:
        if self._session is not None:
            self._album.opacity = change["new"]
            self._album.refresh_snapshot_soon()


def _own(pixels: npt.NDArray[np.uint8], source: Any) -> npt.NDArray[np.uint8]:
    """The pixels, read-only and out of reach of whoever may still draw on the array they gave."""
    # Tensors and labelled arrays may lend their memory as well, and tell nobody.
    if hasattr(source, "__array__"):
        pixels = pixels.copy()
    pixels.flags.writeable = False
    return pixels


def _checked_name(name: str) -> str:
    if problem := check_name(name):
        raise PromptError(f"the name is {name!r}"[:120], hint=f"it {problem}")
    return name.strip()
