"""Matching: which images of a file are which of a widget, and which names of a file a widget can have.

Pure functions and values; ``label_files`` calls them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from samwidget.core import Size
from samwidget.errors import FormatError, PromptError, warn_user
from samwidget.widget.protocol.fields import NAME_CHARACTERS_MAX, checked_name

if TYPE_CHECKING:
    from samwidget.formats import LabelledImage

_NAMED_MAX = 5


def listed(texts: Sequence[str]) -> str:
    """The first texts of a list for a warning, and how many more there are."""
    more = f" and {len(texts) - _NAMED_MAX} more" if len(texts) > _NAMED_MAX else ""
    return f"{'; '.join(texts[:_NAMED_MAX])}{more}"


class ImageNames:
    """Finds images of a widget by the names that a file has for them.

    Args:
        names: of the images of the widget, in order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        for index, name in enumerate(map(PurePosixPath, names)):
            for key in {name.as_posix(), name.name}:
                self._by_name[key].append(index)
            self._by_stem[name.stem.casefold()].append(index)

    def indices(self, file_name: str) -> list[int]:
        """The images with this name and folder, or with this name alone, or with another suffix."""
        path = PurePosixPath(file_name.replace("\\", "/"))
        with_folder = "/".join(path.parts[-2:])
        return (
            self._by_name.get(with_folder)
            or self._by_name.get(path.name)
            or self._by_stem.get(path.stem.casefold())
            or []
        )


class CutNames:
    """Makes names of files names of the widget, and counts those that change."""

    def __init__(self) -> None:
        self._cut: list[str] = []

    def allowed(self, name: str | None) -> str | None:
        """A name without line breaks, and not longer than is allowed; None where no view could show it."""
        if name is None:
            return None
        text = " ".join(name.split())
        if len(text) > NAME_CHARACTERS_MAX:
            self._cut.append(text)
        try:
            return checked_name(text[:NAME_CHARACTERS_MAX])
        except PromptError:  # half a character
            return None

    def warn(self, file_name: str) -> None:
        """Gives a SamWidgetWarning that tells which names were cut, if any were."""
        if self._cut:
            more = f" and {len(self._cut) - 1} more" if len(self._cut) > 1 else ""
            warn_user(
                f"names in {file_name} were cut at {NAME_CHARACTERS_MAX} characters: {self._cut[0][:40]!r}...{more}"
            )


def matched_images(images: Sequence[LabelledImage], names: ImageNames, name: str) -> list[tuple[int, LabelledImage]]:
    """The images of a file that have objects, with the index of each in the widget; others are named in a warning.

    Raises:
        FormatError: none of them is an image of the widget.
    """
    matched, missing = [], []
    for image in images:
        indices = names.indices(image.file_name)
        if len(indices) != 1:
            missing.append(
                f"{image.file_name} ({'several images have this name' if indices else 'there is no such image'})"
            )
        elif image.objects:
            matched.append((indices[0], image))
    if missing and len(missing) == len(images):
        raise FormatError(f"{name} has no image of this widget", hint=f"its first one is {missing[0]}")
    if missing:
        warn_user(f"of {name} these images were left out: {listed(missing)}")
    if not matched:
        warn_user(f"{name} has no objects of these images")
    return matched


def chosen_image(images: Sequence[LabelledImage], own: LabelledImage, name: str) -> LabelledImage:
    """The image of a file that is this one; raises FormatError where there is none, or it has another size."""
    if len(images) == 1:
        image = images[0]
    else:
        same = [item for item in images if _stem(item.file_name) == _stem(own.file_name)]
        exact = [item for item in same if PurePosixPath(item.file_name).name == PurePosixPath(own.file_name).name]
        if len(exact or same) != 1:
            file_names = ", ".join(item.file_name for item in images[:5])
            count = "several images" if same else "no image"
            raise FormatError(
                f"{name} has {count} called {own.file_name}",
                hint=f"its {len(images)} images are {file_names}" if images else "",
            )
        image = (exact or same)[0]
    check_size(image, own.size_hw, name)
    return image


def check_size(image: LabelledImage, size_hw: Size, name: str) -> None:
    """Raises FormatError where an image of a file has another size than that of the widget."""
    if image.size_hw != size_hw:
        sizes = [f"{width} x {height}" for height, width in (image.size_hw, size_hw)]
        raise FormatError(
            f"{image.file_name} in {name} has {sizes[0]} pixels, and this image has {sizes[1]}",
            hint="open the image that the labels were made on",
        )


def _stem(file_name: str) -> str:
    return PurePosixPath(file_name).stem.casefold()
