"""Replay: makes the masks of saved prompts again, with any network and without a widget.

Owns what a session file, a documented request or response, and a list of objects say about the masks, and what the user
is told where another network or another image made them. ``predict`` computes, ``document.session`` and ``formats``
read. Users call ``samwidget.replay``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from samwidget.core import Frame, Masks, Palette, Prompt, RunLengths, SegmentedObject, logits_of_mask, upsample_mask
from samwidget.document import Document, draft_of_candidates, draft_of_mask, with_candidates
from samwidget.document.session import SavedObjects, SessionImage, hash_of_image, read_objects
from samwidget.errors import FormatError, PromptError, SessionError, warn_user
from samwidget.formats.azure_ml import RequestRow, parse_request, parse_response
from samwidget.images import find_path, load_rgb
from samwidget.predict import open_predictor

if TYPE_CHECKING:
    from samwidget.models import Embedding
    from samwidget.predict import SamPredictor

_SQLITE = b"SQLite format 3\0"
_NAMES_MAX = 5  # in a warning
# Exact pixels need no network: the logits beside them only have to lie somewhere.
_INPUT_SIDE, _LOGITS_SIDE = 1024, 256

Pixels = npt.NDArray[np.uint8]


def replay(
    session_or_json: object,
    image: object = None,
    model: str | Path | None = None,
    *,
    predictor: SamPredictor | None = None,
    threads: int | None = None,
) -> tuple[SegmentedObject, ...]:
    """Makes the masks of saved prompts again and returns the objects, in their order.

    The same network gives the same masks; those that were computed many at once, as *everything* does, may differ in
    single pixels, where rounding decides. Pixels that were given or corrected by hand come back as they are; where all
    objects are such, no network is loaded. Nothing is written, and a widget may have the session file open meanwhile.

    A SamWidgetWarning says where a session was made by another network or for another image. A request, a response and
    a list of objects do not say which network made them.

    Args:
        session_or_json: path of a session file; a documented request, as ``SamWidget.request`` returns it, or a
            response, as a JSON value, JSON text or the path of a file with it; or a list of objects, such as
            ``SamWidget.objects``. A request has prompts, but no names; a response has masks alone.
        image: whatever ``load_rgb`` reads; None takes the image in a request. A session of several images chooses the
            one with these pixels.
        model: name or folder of a model; None takes the bundled ``nano``.
        predictor: your own ``SamPredictor`` instead of a name; it is not closed.
        threads: how many CPU threads compute; None takes the predictor's number.

    Returns:
        The objects with names, classes, colours, prompts, masks and scores. A mask is (H, W) bool at the image's size.

    Raises:
        SessionError: the session file cannot be read, or has no image of this size.
        FormatError: neither a session nor a documented request or response.
        ImageError: the image cannot be read.
        PromptError: a mask or a prompt does not fit the image, or no image was given.
        ModelError: there is no such model, or it failed.
        TypeError: ``model`` together with ``predictor``.
    """
    if model is not None and predictor is not None:
        raise TypeError("give either model or predictor")

    def network_on(pixels: Pixels) -> _Network:
        open_network = (lambda: open_predictor(model, "auto", "auto", None)) if predictor is None else lambda: predictor
        return _Network(open_network, pixels, threads)

    value, path = _read(session_or_json)
    if path is not None:
        return _of_session(path, image, network_on)
    if _is_objects(value):
        objects: Sequence[SegmentedObject] = value
        return _again(objects, network_on(_given_image(image)))
    if _is_response(value):
        return _of_response(value, _given_image(image))
    rows = parse_request(value)
    return _of_request(rows, network_on(_image_of_request(rows) if image is None else load_rgb(image)))


class _Network:
    """One image and the network that reads it, which is loaded with the first prompt."""

    def __init__(self, open_network: Callable[[], SamPredictor], pixels: Pixels, threads: int | None) -> None:
        self._open = open_network
        self.pixels = pixels
        self._threads = threads
        self._predictor: SamPredictor | None = None
        self._embedding: Embedding | None = None

    @property
    def predictor(self) -> SamPredictor:
        if self._predictor is None:
            self._predictor = self._open()
        return self._predictor

    @property
    def embedding(self) -> Embedding:
        if self._embedding is None:
            self._embedding = self.predictor.embed(self.pixels, threads=self._threads)
        return self._embedding

    def predict(self, prompt: Prompt, multimask_output: bool = True) -> Masks:
        # One by one, as a widget asks: the logits of a batch differ in the last bit.
        return self.predictor.predict_many([prompt], self.embedding, multimask_output, threads=self._threads)[0]


def _read(source: object) -> tuple[Any, Path | None]:
    """The JSON value or the objects that a source is; or else the path of the session file that it is."""
    text: object = source
    if isinstance(source, PathLike) or (isinstance(source, str) and not source.lstrip().startswith(("{", "["))):
        path = find_path(source)
        try:
            with path.open("rb") as file:
                head = file.read(len(_SQLITE))
                if head == _SQLITE:
                    return None, path
                text = head + file.read()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SessionError(f"{str(source)[:80]} cannot be read", hint=f"{reason[:200]}; give its path") from error
    if isinstance(text, str | bytes | bytearray):
        try:
            return json.loads(text), None
        except (ValueError, RecursionError) as error:
            hint = "give a session file, or a request or response as JSON"
            raise FormatError("this is no session file and no JSON", hint=hint) from error
    return text, None


def _is_objects(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, SegmentedObject) for item in value)


def _is_response(value: Any) -> bool:
    rows = [value] if isinstance(value, Mapping) else value
    return (
        isinstance(rows, list | tuple)
        and len(rows) > 0
        and all(isinstance(row, Mapping) and ("predictions" in row or "response" in row) for row in rows)
    )


def _given_image(image: object, **options: Any) -> Pixels:
    if image is None:
        raise PromptError("no image was given", hint="give the image that the masks are of: replay(..., image)")
    return load_rgb(image, **options)


# Sessions and objects.


def _of_session(path: Path, image: object, network_on: Callable[[Pixels], _Network]) -> tuple[SegmentedObject, ...]:
    read: dict[str, Pixels] = {}

    def choose(images: list[SessionImage]) -> SessionImage:
        chosen, read["pixels"] = _choose(images, image, path)
        return chosen

    saved = read_objects(path, choose)
    network = network_on(read["pixels"])
    again = _again(saved.objects, network)
    _tell_other_network(saved, network)
    return again


def _choose(images: list[SessionImage], image: object, path: Path) -> tuple[SessionImage, Pixels]:
    """The image of a session that has these pixels, and the pixels; or else the only one of this size."""
    loaded: dict[str, tuple[Pixels, str]] = {}  # by the options of the file: mostly there are none
    alike = []
    for item in images:
        key = json.dumps(dict(item.options))
        if key not in loaded:
            pixels = _given_image(image, **item.options)
            loaded[key] = pixels, hash_of_image(pixels)
        pixels, content_hash = loaded[key]
        if item.size_hw == pixels.shape[:2]:
            alike.append((item, pixels))
            if item.content_hash == content_hash:
                return item, pixels
    if len(alike) != 1:
        names = ", ".join(f"{item.path} ({item.size_hw[1]} x {item.size_hw[0]})" for item in images[:_NAMES_MAX])
        raise SessionError(f"{path.name} has no masks of this image", hint=f"it has those of {names}")
    warn_user(f"the image is not the one that {path.name} was saved for: its pixels differ")
    return alike[0]


def _again(objects: Sequence[SegmentedObject], network: _Network) -> tuple[SegmentedObject, ...]:
    """The objects, with new masks where a network made them."""
    height, width = network.pixels.shape[:2]
    for item in objects:
        if item.frame.image_hw != (height, width):
            sizes = f"{item.frame.image_hw[1]} x {item.frame.image_hw[0]} pixels, the image {width} x {height}"
            raise PromptError(f"{item.name} has a mask of {sizes}", hint="give the image that the masks are of")
    return tuple(
        with_candidates(item, network.predict(_fitted(item, network.embedding.frame))) if _is_predicted(item) else item
        for item in objects
    )


def _is_predicted(item: SegmentedObject) -> bool:
    """Whether a network made the mask; otherwise it was given or corrected."""
    return len(item.prompt.points_xy) > 0 or item.prompt.box_xyxy is not None


def _fitted(item: SegmentedObject, frame: Frame) -> Prompt:
    """The prompt of an object, with the mask in it as logits of this network."""
    prompt = item.prompt
    if prompt.mask is None or item.frame == frame:
        return prompt
    return replace(prompt, mask=logits_of_mask(upsample_mask(prompt.mask, item.frame), frame))


def _tell_other_network(saved: SavedObjects, network: _Network) -> None:
    predicted = [item for item in saved.objects if _is_predicted(item)]
    signature = network.predictor.signature if predicted else ""
    others = [item for item in predicted if saved.network_of.get(item.id) not in ("", None, signature)]
    if others:
        makers = ", ".join(sorted({saved.network_of[item.id] for item in others}))
        names = ", ".join(item.name for item in others[:_NAMES_MAX])
        more = f" and {len(others) - _NAMES_MAX} more" if len(others) > _NAMES_MAX else ""
        warn_user(f"another network made the masks of {names}{more}: {makers}; now it is {signature}")


# Requests and responses.


def _of_request(rows: Sequence[RequestRow], network: _Network) -> tuple[SegmentedObject, ...]:
    """An object for each prompt; the best of its masks."""
    candidates = [network.predict(prompt, row.multimask_output) for row in rows for prompt in row.prompts]
    document = Document(Palette(network.pixels))
    return document.add_many([draft_of_candidates(item) for item in candidates], candidates)


def _image_of_request(rows: Sequence[RequestRow]) -> Pixels:
    images = {row.image for row in rows}
    if len(images) != 1:
        raise FormatError(f"the request has {len(images)} images", hint="give the image, or a request of one image")
    return load_rgb(images.pop())


def _of_response(value: object, pixels: Pixels) -> tuple[SegmentedObject, ...]:
    """An object for each prediction: the best of its masks, exact to the pixel."""
    height, width = pixels.shape[:2]
    frame = Frame.padded((height, width), _INPUT_SIDE, _LOGITS_SIDE)
    drafts = []
    for row in parse_response(value):
        for masks, scores in row:
            if masks.shape[1:] != (height, width):
                sizes = f"{masks.shape[2]} x {masks.shape[1]} pixels, the image {width} x {height}"
                raise PromptError(f"the response has masks of {sizes}", hint="give the image that the masks are of")
            best = int(np.argmax(scores))
            runs = RunLengths.from_mask(masks[best])
            draft = draft_of_mask(runs, Prompt(mask=logits_of_mask(runs, frame)), frame)
            drafts.append(replace(draft, score=float(scores[best])))
    return Document(Palette(pixels)).add_many(drafts)
