"""score: the documented request in, the documented response out.

Owns which network call answers which row. It reads no configuration and keeps nothing between calls: the wire is
``formats.azure_ml``, the network and its cache are the predictor's, and limits of size and time belong to whoever
lets strangers in. The command line calls it, and so does whoever serves requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from samwidget.errors import ImageError, PromptError
from samwidget.formats.azure_ml import MaskSet, RequestRow, Style, build_response, parse_request
from samwidget.segment.predictor import SamPredictor


def score(
    request: Any, predictor: SamPredictor | None = None, style: Style = "card", *, allow_urls: bool = True
) -> list[dict[str, Any]]:
    """The response to a request, as plain JSON values: one entry per row, in the order of the rows.

    Each row is answered on its own: one prediction per group of points or box, box i together with group i where there
    are both; per prediction three masks, or one without ``multimask_output``, with their scores in the network's own
    order. Rows about the same image share one run of the encoder.

    Args:
        request: JSON text or bytes, its parsed value, or a pandas DataFrame with the documented columns.
        predictor: the network that answers. None loads the bundled one for this call; make a predictor once where
            there are many calls.
        style: ``card`` as the model card documents it, ``service`` as deployed endpoints answer.
        allow_urls: fetch images that are given as http(s) addresses. Give False where requests come from strangers,
            who could otherwise reach what only this machine can reach.

    Raises:
        FormatError: not a request, or an unknown style. This and the next two name the row, counted from 0.
        ImageError: an image that cannot be read, or an address while ``allow_urls`` is False.
        PromptError: a row that asks nothing, or a prompt outside its image.
        ModelError: the network failed.
        ClosedError: the predictor is closed.
    """
    rows = parse_request(request)
    for number, row in enumerate(rows):
        with _naming_row(number):
            _check(row, allow_urls=allow_urls)
    groups = _rows_of_one_image(rows)
    # Lazily, row after row: full-size masks of one prompt at a time, and an unknown style ends it before the network.
    entries = build_response(_answers(rows, groups, predictor), style)
    answered = [number for group in groups for number in group]
    return [entry for _, entry in sorted(zip(answered, entries, strict=True), key=lambda pair: pair[0])]


def _check(row: RequestRow, *, allow_urls: bool) -> None:
    if isinstance(row.image, str) and not allow_urls:
        raise ImageError("the image is an address, and none is fetched here", hint="send the image itself, as base64")
    if not row.prompts:
        raise PromptError("nothing says which object is meant", hint="give input_points or input_boxes")


def _rows_of_one_image(rows: Sequence[RequestRow]) -> list[list[int]]:
    """The numbers of the rows, those with the same image bytes or address together."""
    groups: dict[bytes | str, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(row.image, []).append(number)
    return list(groups.values())


def _answers(
    rows: Sequence[RequestRow], groups: Sequence[Sequence[int]], predictor: SamPredictor | None
) -> Iterator[Iterator[MaskSet]]:
    """The predictions of each row, image after image, so that one embedding is held at a time whatever the cache."""
    predictor = SamPredictor.from_pretrained() if predictor is None else predictor
    for group in groups:
        with _naming_row(group[0]):
            embedding = predictor.embed(rows[group[0]].image)
        for number in group:
            row = rows[number]
            with _naming_row(number):
                answers = predictor.predict_many(row.prompts, embedding, row.multimask_output)
            yield ((masks.to_bool(), masks.scores) for masks in answers)


@contextmanager
def _naming_row(number: int) -> Iterator[None]:
    """What is wrong with an image or a prompt is told with the row that it is in."""
    try:
        yield
    except (ImageError, PromptError) as error:
        raise type(error)(f"row {number}: {error.message}", hint=error.hint) from error
