"""score: the documented request in, the documented response out.

Owns which network call answers which row. It reads no configuration and keeps nothing between calls: the wire is
``formats.azure_ml``, the network and its cache are the predictor's, and limits of size and time belong to whoever
lets strangers in. The command line calls it, and so does whoever serves requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from samwidget.core import Masks
from samwidget.errors import ImageError, PromptError
from samwidget.formats.azure_ml import MaskSet, RequestRow, Style, build_response, parse_request
from samwidget.predict import SamPredictor


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
    if not allow_urls:
        refuse_addresses(rows)
    return score_rows(rows, predictor, style)


def score_rows(
    rows: Sequence[RequestRow],
    predictor: SamPredictor | None = None,
    style: Style = "card",
    *,
    checkpoint: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """The response to rows that ``parse_request`` read, for whoever looks at them first. As ``score``, but for URLs.

    Args:
        rows: of one request.
        predictor: as ``score``.
        style: as ``score``.
        checkpoint: called before each image, row and prediction. What it raises ends the work: the way to stop when
            nobody waits for the answer any more.
    """
    for number, row in enumerate(rows):
        with naming_row(number):
            _check_asks(row)
    groups = _rows_of_one_image(rows)
    # Lazily, row after row: full-size masks of one prompt at a time, and an unknown style ends it before the network.
    entries = build_response(_answers(rows, groups, predictor, checkpoint), style)
    answered = [number for group in groups for number in group]
    return [entry for _, entry in sorted(zip(answered, entries, strict=True), key=lambda pair: pair[0])]


def refuse_addresses(rows: Sequence[RequestRow]) -> None:
    """Raises ImageError, naming the row, where an image is given as an address."""
    for number, row in enumerate(rows):
        with naming_row(number):
            if isinstance(row.image, str):
                raise ImageError(
                    "the image is an address, and none is fetched here", hint="send the image itself, as base64"
                )


@contextmanager
def naming_row(number: int) -> Iterator[None]:
    """What is wrong with an image or a prompt is told with the row that it is in."""
    try:
        yield
    except (ImageError, PromptError) as error:
        raise type(error)(f"row {number}: {error.message}", hint=error.hint) from error


def _check_asks(row: RequestRow) -> None:
    if not row.prompts:
        raise PromptError("nothing says which object is meant", hint="give input_points or input_boxes")


def _rows_of_one_image(rows: Sequence[RequestRow]) -> list[list[int]]:
    """The numbers of the rows, those with the same image bytes or address together."""
    groups: dict[bytes | str, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(row.image, []).append(number)
    return list(groups.values())


def _answers(
    rows: Sequence[RequestRow],
    groups: Sequence[Sequence[int]],
    predictor: SamPredictor | None,
    checkpoint: Callable[[], None],
) -> Iterator[Iterator[MaskSet]]:
    """The predictions of each row, image after image, so that one embedding is held at a time whatever the cache."""
    predictor = SamPredictor.from_pretrained() if predictor is None else predictor
    for group in groups:
        checkpoint()
        with naming_row(group[0]):
            embedding = predictor.embed(rows[group[0]].image)
        for number in group:
            checkpoint()
            row = rows[number]
            with naming_row(number):
                answers = predictor.predict_many(row.prompts, embedding, row.multimask_output)
            yield _mask_sets(answers, checkpoint)


def _mask_sets(answers: Sequence[Masks], checkpoint: Callable[[], None]) -> Iterator[MaskSet]:
    for masks in answers:
        checkpoint()
        yield masks.to_bool(), masks.scores
