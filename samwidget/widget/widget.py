"""SamWidget: the class that a notebook uses: how it begins and ends, its session file, and what ipywidgets calls.

Its methods for objects are in ``prompting``, ``labelling`` and ``label_files``. They ask the ``controller``, which a
click reaches through ``wire.inbox``. This module imports neither torch nor transformers; the first widget does, on its
own thread.
"""

from __future__ import annotations

import base64
import contextlib
import weakref
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import traitlets
from PIL import Image

from samwidget.core import Size
from samwidget.document import Document
from samwidget.errors import ImageError, SessionError, warn_user
from samwidget.images import Exif, Scale, draw_overlay, encode_small_png
from samwidget.models import checked_threads
from samwidget.widget.arguments import checked_classes, checked_number
from samwidget.widget.controller import Controller
from samwidget.widget.handlers import Lanes
from samwidget.widget.model_choice import ModelMenu
from samwidget.widget.model_sources import ModelOptions, saved_source, source_of
from samwidget.widget.network import BUNDLED
from samwidget.widget.opened_images import open_images
from samwidget.widget.protocol.fields import short_text
from samwidget.widget.protocol.message import to_json
from samwidget.widget.saved_page import draw_after_cells, publish_saved_page
from samwidget.widget.session_images import (
    SessionChoice,
    find_photo,
    images_of,
    session_path,
)
from samwidget.widget.settings import css_height
from samwidget.widget.status import first_status
from samwidget.widget.traits import KERNEL_OWNED, SETTINGS, SharedTraits
from samwidget.widget.tuning import Tuning
from samwidget.widget.turning import Turning
from samwidget.widget.wire.encode import summarise
from samwidget.widget.wire.inbox import Inbox
from samwidget.widget.wire.outbox import Outbox

if TYPE_CHECKING:
    from samwidget.formats.azure_ml import Style
    from samwidget.predict import SamPredictor


class _OfClass:
    """A method of the class; on a widget the name is that of ipywidgets' own method, which shows it to its views."""

    def __init__(self, function: Callable[..., SamWidget]) -> None:
        self._function = function

    def __get__(self, widget: SamWidget | None, owner: type[SamWidget]) -> Callable[..., Any]:
        return MethodType(self._function, owner) if widget is None else MethodType(SharedTraits.open, widget)


class SamWidget(Tuning, SharedTraits):
    """Shows an image to click on; a model in the kernel segments what was clicked.

    The image shows at once. A thread of the widget loads the model and encodes the image; clicks made before that are
    kept. Methods that change something run in order, after the user's earlier clicks, and return when the change is
    made. ``objects``, ``masks``, ``scores`` and ``label_map`` include all earlier clicks too.

    Args:
        image: path, URL, bytes, open file, PIL image, (H, W[, 3 or 4]) array or (3, H, W) tensor. A folder, a glob
            pattern such as ``photos/*.jpg`` or a list is several images: the widget shows one at a time, and
            ``go_to``, ``next``, ``previous`` and ``accept_image`` another one. See docs/folders.md.
        model: name or folder of a model; None takes that of the session file, or the bundled ``nano``. Widgets with the
            same model share it. ``use_model`` takes another one later.
        predictor: your own ``SamPredictor`` instead of a name; the widget does not close it.
        device: ``auto`` takes a GPU where there is one.
        dtype: ``auto`` takes float16 on CUDA and float32 elsewhere; ``fast`` also takes bfloat16 on CPUs that have it.
        local_files_only: True never downloads; None follows the environment variable HF_HUB_OFFLINE.
        threads: how many CPU threads compute for this widget; None takes the environment variable SAMWIDGET_THREADS,
            or else as many as there are cores. With ``predictor``, None takes its number.
        threshold: logits above it are mask, -4 to 4; a lower threshold gives larger masks.
        opacity: of the masks, 0 to 1.
        hover: whether to preview the mask under the pointer.
        tool: what a click does: ``select``, ``include``, ``exclude``, ``box`` or ``pan``.
        theme: ``light``, ``dark``, or ``auto`` as the notebook.
        height: of the widget, in CSS pixels or as a CSS length; None follows the image. Sets ``layout.height``.
        scale: which values become black and white, as for ``load_rgb``: (low, high), ``minmax`` or ``percentile``.
        frame: number of the page or frame, from 0, as for ``load_rgb``.
        exif: whether the EXIF rotation is applied, as for ``load_rgb``: ``auto``, ``apply`` or ``ignore``.
        classes: names of what objects can be; the first nine have a digit key. More can be added at any time.
        session: path of a session file, such as ``labels.samw``. What it has of this image is there again, undo too,
            and each change is saved by itself. One file may have many images. See docs/session_file.md.
        save_picture: whether the notebook keeps a small picture of the image with its masks, for pages without a
            kernel; False for images that may not be in the file.
        model_menu: whether the model can be chosen on the screen; None allows it but in an app, which strangers use.
        **kwargs: arguments of every ipywidget, such as ``layout``.

    Raises:
        ImageError: the image cannot be read.
        SessionError: the session file cannot be used, or its masks are of an image of another size.
        ModelError: ``threads`` is not a whole number from 1.
        TypeError: an unknown argument, or ``predictor`` together with arguments that choose a model.
        TraitError: a setting is out of its range.
    """

    # None until __init__ is done: garbage collection closes a widget whose __init__ has failed, too.
    _turning_or_none: Turning | None = None
    _is_closed = False
    # The layout where the user gave none: theirs may belong to other widgets, too.
    _own_layout: Any = None

    def __init__(
        self,
        image: Any,  # whatever load_rgb reads; it checks
        model: str | Path | None = None,
        *,
        predictor: SamPredictor | None = None,
        device: Any = "auto",  # str or torch.device, and torch is not imported here
        dtype: Any = "auto",  # str or torch.dtype
        local_files_only: bool | None = None,
        threads: int | None = None,
        threshold: float = 0.0,
        opacity: float = 0.45,
        hover: bool = True,
        tool: str = "include",
        theme: str = "auto",
        height: float | str | None = None,
        scale: Scale = None,
        frame: int | None = None,
        exif: Exif = "auto",
        classes: Iterable[str] | None = None,
        session: str | PathLike[str] | SessionChoice | None = None,
        save_picture: bool = True,
        model_menu: bool | None = None,
        **kwargs: Any,  # ipywidgets checks them
    ) -> None:
        public_traits = {name for name in self.trait_names() if not name.startswith("_")} - KERNEL_OWNED
        if unknown := sorted(kwargs.keys() - public_traits):
            raise TypeError(f"SamWidget() got an unexpected argument {unknown[0]!r}")
        if predictor is not None and (model, device, dtype, local_files_only) != (None, "auto", "auto", None):
            raise TypeError("give either predictor, or model, device, dtype and local_files_only")
        layout_height = css_height(height)
        threads = checked_threads(threads)
        self._first_classes = checked_classes(classes)
        choice = None if session is None else _session_choice(session)
        opened = open_images(image, {"scale": scale, "frame": frame, "exif": exif}, choice)
        self._first_image_id = opened.image.image_id
        options = ModelOptions(device, dtype, local_files_only)
        source, note = source_of(predictor or model, options), ""
        if choice is not None and model is None and predictor is None:
            path = choice.path if isinstance(choice, SessionChoice) else choice
            saved, note = saved_source(opened.settings, options, path.name)
            source = saved or source
            if note:
                warn_user(note)
        self._first_model_name = source.name
        self._saves_picture = save_picture
        super().__init__(threshold=threshold, opacity=opacity, hover=hover, tool=tool, theme=theme, **kwargs)
        self._own_layout = None if "layout" in kwargs else self.layout
        if layout_height is not None:
            self.layout.height = layout_height

        self._take_settings(opened.settings)
        outbox = Outbox(self)
        controller = Controller(
            opened.image,
            source,
            outbox.another(),
            self.threshold,
            self.opacity,
            save_picture,
            threads,
            self._first_classes,
        )
        turning = Turning(opened, controller, outbox, ModelMenu(model_menu, options, note))
        lanes = Lanes(turning, outbox)
        self._inbox = inbox = Inbox(outbox, lanes.take, lanes.take_again)
        self.on_msg(lambda _widget, content, buffers: inbox.receive(content, buffers))
        self._turning_or_none = turning
        turning.start(opened.saved)
        if save_picture:
            draw_after_cells(turning)

    # What the user has made.

    @property
    def image(self) -> npt.NDArray[np.uint8]:
        """The image as the model and the screen have it: (H, W, 3) uint8 RGB, read-only."""
        return self._image

    def snapshot(self) -> Image.Image:
        """Returns the image at its own size with the visible masks drawn over it."""
        return Image.fromarray(draw_overlay(self._image, self.objects, self.opacity))

    def request(self) -> dict[str, Any]:
        """Returns the documented request for the same objects: one row for each object, three masks for each row.

        The image is sent as PNG; or as the JPEG or PNG file that it was read from, if that still holds exactly these
        pixels. The same model gives the same masks for it. The row of an object without points and box has the box
        around its mask as its prompt, since a request cannot hold masks. A SamWidgetWarning names the objects whose
        masks the response will not have: made from a mask or by another model, of a chosen candidate, or of another
        threshold.

        Raises:
            FormatError: an object has no points, no box and an empty mask.
        """
        # Here, because the formats take 10 ms to import and most widgets never need them.
        from samwidget.widget.export import request_of

        return request_of(self._image, self._source, self.objects, self._controller.network.signature)

    def response(self, style: Style = "card") -> list[dict[str, Any]]:
        """Returns the documented response to ``request``, with base64 PNG masks: one row of one mask for each object.

        Args:
            style: ``card`` as the model card documents it, ``service`` as deployed endpoints respond.

        Raises:
            FormatError: an unknown style.
        """
        from samwidget.widget.export import response_of

        return response_of(self.objects, style)

    def to_python(self) -> str:
        """Returns Python code that makes the same objects, with their names, classes and locks.

        An object of points and a box is its prompt, from which the same model makes the same mask. One that was made
        from a mask or by another model, corrected, found by *everything*, or of a chosen candidate, is its pixels.
        """
        from samwidget.widget.python_code import python_of

        network = self._controller.network
        model = None if network.name == BUNDLED.name else network.name
        return python_of(self.objects, self._source, model, network.signature, self.classes, self.threshold)

    def to_page(self, path: str | PathLike[str]) -> None:
        """Writes a page that shows this image in the widget without a kernel: its network runs in the browser.

        The page uses the bundled model, whichever this widget has, and makes the objects again of their points and
        boxes. A SamWidgetWarning names those that it cannot make: masks that were given, corrected or found.

        Args:
            path: one file where it ends in ``.html``, which also opens without a server; else a folder for any web
                server.

        Raises:
            SamWidgetError: the script of pages is not built in this checkout.
            ModelError: the package onnx is missing: ``pip install "samwidget[page]"``.
            OSError: a file cannot be written.
        """
        from samwidget.page import write_page
        from samwidget.widget.saved_prompts import saved_prompts

        prompts = saved_prompts(self.objects)
        write_page(self._image, Path(path), name=self._controller.image.sessions.file_name or "image", objects=prompts)

    # The session file.

    @_OfClass
    def open(cls: type[SamWidget], path: str | PathLike[str], image: Any = None, **kwargs: Any) -> SamWidget:  # noqa: N805
        """Returns a widget that goes on where a session file stopped, undo included.

        Args:
            path: of the session file.
            image: as for ``SamWidget``; None finds the file: at its path, or beside the session file by its content.
                Where a session has several images, the one that was changed last; ``image`` chooses another one.
            **kwargs: other arguments of ``SamWidget``.

        Raises:
            SessionError: there is no such file, it cannot be used, or its image is missing or no image any more.
            ImageError: ``image`` cannot be read.
        """
        file, images = images_of(session_path(path))
        if image is not None:
            choice = SessionChoice(file, images[0].row) if len(images) == 1 and images[0].row is not None else file
            return cls(image, session=choice, **kwargs)
        photo = find_photo(file, images[0])
        try:
            return cls(photo, session=file, **{**images[0].options, **kwargs})
        except ImageError as error:
            raise SessionError(
                f"the image {photo} of {file.name} cannot be read: {error.message}",
                hint=f"put the image back, or give it: SamWidget.open({file.name!r}, image=...)",
            ) from error

    def save(self, path: str | PathLike[str] | None = None) -> None:
        """Saves to a session file, and each later change by itself; returns when everything is on the disk.

        Args:
            path: of the session file; None saves to the one that the widget has.

        Raises:
            SessionError: there is no session file, it cannot be written, or it has objects of this image already.
            ClosedError: after ``close``.
        """
        if path is None:
            self._turning.save()
        else:
            self._turning.save_as(session_path(path))

    # The life of a widget.

    @property
    def predictor(self) -> SamPredictor:
        """The predictor; waits until the model is loaded.

        Raises:
            ModelError: the model cannot be loaded.
            ClosedError: after ``close``.
        """
        return self._controller.predictor()

    def use_model(
        self,
        model: str | Path | SamPredictor | None = None,
        *,
        device: Any = "auto",  # str or torch.device
        dtype: Any = "auto",  # str or torch.dtype
        local_files_only: bool | None = None,
    ) -> None:
        """Uses another model from now on; returns when it has encoded the image. Clicks go on meanwhile.

        Objects, prompts, classes and history stay, and objects keep their masks. The next click on an object asks the
        new model with all points of the object.

        Args:
            model: name, folder or file as for ``SamWidget``, or your own predictor; None takes ``nano``.
            device: as for ``SamWidget``.
            dtype: as for ``SamWidget``.
            local_files_only: as for ``SamWidget``.

        Raises:
            ModelError: it is not there, cannot be loaded, or failed on the image; the present model stays in use.
            StoppedError: somebody chose another model meanwhile, or cancelled on the screen.
            TypeError: ``model`` is something else, or a predictor together with options.
            ClosedError: after ``close``.
        """
        options = ModelOptions(device, dtype, local_files_only)
        if options != ModelOptions() and not isinstance(model, str | PathLike | None):
            raise TypeError("give either a predictor, or a name with device, dtype and local_files_only")
        self._turning.models.use(source_of(model, options), options)

    def wait(self, timeout_s: float | None = None) -> None:
        """Returns when the image is encoded and every earlier request is carried out and drawn.

        For scripts, and for notebooks that run without a person before they are exported.

        Raises:
            PromptError: ``timeout_s`` is no number.
            ModelError: there is no model, or it failed on the image.
            TimeoutError: ``timeout_s`` passed.
            ClosedError: after ``close``.
        """
        timeout_s = None if timeout_s is None else checked_number(timeout_s, "timeout_s", at_least=0)
        self._controller.wait(timeout_s)

    def on_change(self, callback: Callable[[SamWidget], object]) -> Callable[[], None]:
        """Calls ``callback(widget)`` after each change of the objects; returns a function that ends this.

        The widget's own thread calls it, or in Shiny and Panel the event loop of the session; it may use the widget's
        methods. An error that it raises is shown as a warning and in the widget. Raises TypeError for no function.
        """
        if not callable(callback):
            raise TypeError(f"the callback is {short_text(callback)}: give a function that takes the widget")
        return self._controller.listen(callback)

    def close(self) -> None:
        """Removes the widget from every page and releases its thread, embedding and model; may be called again.

        The objects can still be read. A job that runs now ends first; its result is not shown.
        """
        if self._is_closed:
            return
        turning = self._turning_or_none
        if turning is not None:
            turning.close()
        super().close()
        if self._own_layout is not None:  # ipywidgets leaves it open, in the kernel and in each page
            self._own_layout.close()
        was_closed, self._is_closed = self._is_closed, True  # what observes the widget may have closed it meanwhile
        if turning is not None and not was_closed:
            # No part refers to the widget, so Python frees it, and its photo, as soon as nobody uses it any more.
            weakref.finalize(self, turning.forget).atexit = False

    def __enter__(self) -> SamWidget:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        height, width = self._image.shape[:2]
        count = self._controller.object_count
        page = f"image {self._turning.index} of {len(self._turning)}, " if len(self._turning) > 1 else ""
        return f"SamWidget({page}{width} x {height} pixels, {count} object{'' if count == 1 else 's'})"

    def _take_settings(self, settings: Mapping[str, Any]) -> None:
        """Takes the settings of a session file where the user gave none."""
        for name in SETTINGS & settings.keys():
            if getattr(self, name) == getattr(type(self), name).default_value:
                with contextlib.suppress(traitlets.TraitError):  # of another version; the default is as good
                    setattr(self, name, settings[name])

    # What ipywidgets calls.

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:  # both as IPython defines them
        # A small image beside the view, for places that show notebooks without running them.
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None and self._saves_picture:
            if kwargs:  # IPython passes arguments; the cell that it runs takes more outputs
                publish_saved_page(self.model_id)
            self._controller.photo.refresh_snapshot()  # a view shows it until the photo comes
            png = encode_small_png(self._controller.snapshot())
            bundle[0]["image/png"] = base64.b64encode(png).decode("ascii")
        return bundle

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes settings from a view; one that is wrong changes nothing and becomes an error in the views."""
        self._inbox.receive_settings(sync_data, super().set_state)

    @property
    def _image_hw(self) -> Size:
        return (self._image.shape[0], self._image.shape[1])

    @property
    def _turning(self) -> Turning:
        assert self._turning_or_none is not None, "__init__ is not done"
        return self._turning_or_none

    @property
    def _controller(self) -> Controller:
        return self._turning.present

    @property
    def _caught_up(self) -> Controller:
        return self._turning.caught_up()

    @property
    def _image(self) -> npt.NDArray[np.uint8]:
        return self._controller.image.pixels

    @property
    def _source(self) -> Any:
        return self._controller.image.source

    @traitlets.default("document")
    def _first_document(self) -> dict[str, Any]:
        return to_json(summarise(Document(class_names=self._first_classes), [], [], [], self._first_image_id))

    @traitlets.default("status")
    def _first_status(self) -> dict[str, Any]:
        return to_json(first_status(self._first_model_name))

    @traitlets.observe("threshold")
    def _follow_threshold(self, change: Any) -> None:  # traitlets' Bunch, which has no types
        if self._turning_or_none is not None:
            self._controller.set_threshold(change["new"])

    @traitlets.observe("opacity")
    def _follow_opacity(self, change: Any) -> None:
        if self._turning_or_none is not None:
            self._controller.set_opacity(change["new"])

    @traitlets.observe("opacity", "hover", "tool", "theme")
    def _save_settings(self, _change: Any) -> None:
        if self._turning_or_none is not None:
            self._controller.saving.take_settings()


def _session_choice(session: str | PathLike[str] | SessionChoice) -> Path | SessionChoice:
    return session if isinstance(session, SessionChoice) else session_path(session)
