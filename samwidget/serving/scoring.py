"""Scoring: the documented request in, the documented response out.

Owns which prediction answers which row. It reads no configuration and keeps nothing between calls. The format is
``formats.azure_ml``; the model and its cache belong to the predictor; limits of size and time are in ``limits``. The
command line, the HTTP server and the adapters call it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from samwidget.core import Masks
from samwidget.errors import ImageError, PromptError
from samwidget.formats.azure_ml import (
    MaskSet,
    RequestRow,
    Style,
    build_response,
    exif_of,
    parse_request,
    rotation_named_in_errors,
)
from samwidget.images import load_rgb
from samwidget.predict import SamPredictor


def score(
    request: object,
    predictor: SamPredictor | None = None,
    style: Style = "card",
    *,
    allow_urls: bool = True,
) -> list[dict[str, Any]]:
    """The response to a request, as plain JSON values: one entry per row, in the order of the rows.

    A row has one prediction per group of points or per box; where it has both, box i belongs to group i. A prediction
    has three masks, or one without ``multimask_output``, and their scores, in the model's own order. Rows about the
    same image share one run of the encoder.

    Args:
        request: JSON text or bytes, its parsed value, or a pandas DataFrame with the documented columns.
        predictor: what makes the masks. None loads the bundled model for this call; for many calls make one
            predictor and give it each time.
        style: ``card`` as the model card documents it; ``service`` as deployed endpoints read requests and answer: they
            ignore the EXIF rotation, and leave prompts that are empty or outside the image to the model.
        allow_urls: whether images that are given as http(s) URLs are fetched. Give False for requests of people you do
            not trust: they could make this machine fetch what only it can reach.

    Raises:
        FormatError: not a request, or an unknown style. This and the next two name the row, counted from 0.
        ImageError: an image that cannot be read, or a URL while ``allow_urls`` is False.
        PromptError: a row without prompts, or a prompt outside its image; in style ``card``.
        ModelError: the model failed.
        ClosedError: the predictor is closed.
    """
    rows = parse_request(request, style)
    if not allow_urls:
        refuse_urls(rows)
    return score_rows(rows, predictor, style)


def score_rows(
    rows: Sequence[RequestRow],
    predictor: SamPredictor | None = None,
    style: Style = "card",
    *,
    checkpoint: Callable[[], None] = lambda: None,
    read_image: Callable[[bytes | str], object] | None = None,
    row_numbers: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """As ``score``, for rows that were parsed and checked before. Images given as URLs are fetched.

    Args:
        rows: of one request.
        predictor: as for ``score``.
        style: as for ``score``.
        checkpoint: called before each image, row and prediction. An exception that it raises ends the work: this is
            how a server stops when the client has disconnected.
        read_image: makes of a row's image what the predictor reads; called once for rows about the same image. A server
            decodes the images of strangers with it. None is ``load_rgb``. It turns images by their EXIF tag if the
            style demands it.
        row_numbers: of the rows in the whole request, for error messages; None counts them from 0.
    """
    row_numbers = range(len(rows)) if row_numbers is None else row_numbers
    for number, row in enumerate(rows):
        if not row.prompts:
            raise PromptError(f"row {row_numbers[number]}: there is no prompt", hint="give input_points or input_boxes")
    groups = group_by_image(rows)
    # build_response takes one row after the other from the iterator, so the full-size masks of only one prompt are in
    # memory, and it refuses an unknown style before the network runs.
    read = read_image or partial(load_rgb, exif=exif_of(style))
    predictions = _predictions(rows, row_numbers, groups, predictor, style, checkpoint, read)
    entries = build_response(predictions, style)
    numbers = [number for group in groups for number in group]
    return [entry for _, entry in sorted(zip(numbers, entries, strict=True), key=lambda pair: pair[0])]


def refuse_urls(rows: Sequence[RequestRow]) -> None:
    """Raises ImageError, which names the row, where an image is given as a URL."""
    for number, row in enumerate(rows):
        if isinstance(row.image, str):
            raise ImageError(
                f"row {number}: the image is a URL, and URLs are not fetched here", hint="send the image as base64"
            )


def group_by_image(rows: Sequence[RequestRow]) -> list[list[int]]:
    """Numbers of the rows; those with the same image bytes or URL are in one group."""
    groups: dict[bytes | str, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(row.image, []).append(number)
    return list(groups.values())


@contextmanager
def row_named_in_errors(number: int) -> Iterator[None]:
    """Puts the number of a row, counted from 0, before the message of each ImageError and PromptError of the block."""
    try:
        yield
    except (ImageError, PromptError) as error:
        raise type(error)(f"row {number}: {error.message}", hint=error.hint) from error


def _predictions(
    rows: Sequence[RequestRow],
    row_numbers: Sequence[int],
    groups: Sequence[Sequence[int]],
    predictor: SamPredictor | None,
    style: Style,
    checkpoint: Callable[[], None],
    read_image: Callable[[bytes | str], object],
) -> Iterator[Iterator[MaskSet]]:
    """The predictions of each row, group after group: one embedding is held at a time, also without a cache."""
    predictor = SamPredictor.from_pretrained() if predictor is None else predictor
    for group in groups:
        checkpoint()
        with row_named_in_errors(row_numbers[group[0]]):
            embedding = predictor.embed(read_image(rows[group[0]].image))
        for number in group:
            checkpoint()
            row = rows[number]
            with row_named_in_errors(row_numbers[number]), rotation_named_in_errors(row.image, style):
                predictions = predictor.predict_many(
                    row.prompts, embedding, row.multimask_output, check=style == "card"
                )
            yield _mask_sets(predictions, checkpoint)


def _mask_sets(predictions: Sequence[Masks], checkpoint: Callable[[], None]) -> Iterator[MaskSet]:
    for masks in predictions:
        checkpoint()
        yield masks.to_bool(), masks.scores
