"""Preprocessing: what a SAM checkpoint says about how an image becomes the input of its network.

Owns the entries of ``preprocessor_config.json``, which transformers 4 writes, and of ``processor_config.json``, where
transformers 5 nests the same entries as ``image_processor``; their meaning is that of its ``SamImageProcessor``, and
for SAM's successors that of ``Sam2ImageProcessor``, which stretches images. What
samwidget does not do is refused by name: on pixels of another kind a network gives wrong masks and no error. Pure:
``models.loader`` reads the files, and ``BaseSegmenter`` does what the value says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from reprlib import repr as short_repr

from PIL import Image

from samwidget.core import Frame, Size
from samwidget.errors import ModelError

PREPROCESSOR_FILE = "preprocessor_config.json"
PROCESSOR_FILE = "processor_config.json"

# Raise it when ``BaseSegmenter.encode`` prepares images differently: embeddings on disk are then computed again.
_VERSION = 1
# Beyond these a float32 of the network's input could overflow.
_NUMBER_MIN, _NUMBER_MAX = 1e-12, 1e12
# By whether they stretch images.
_IMAGE_PROCESSORS = {
    False: ("SamImageProcessor", "SamImageProcessorFast", "SamImageProcessorPil"),
    True: tuple(f"{family}ImageProcessor{kind}" for family in ("Sam2", "Sam3") for kind in ("", "Fast", "Pil")),
}
# The first line is about RGB, training masks and cropping, which is refused; the others are about calls and prompts.
_WITHOUT_EFFECT = {
    *("do_convert_rgb", "mask_size", "mask_pad_size", "crop_size"),
    *("processor_class", "default_to_square", "data_format", "input_data_format", "return_tensors", "device"),
    *("disable_grouping", "target_size", "point_pad_value"),
}
_USED = {
    *("image_processor_type", "do_resize", "size", "resample", "do_center_crop", "do_rescale", "rescale_factor"),
    *("do_normalize", "image_mean", "image_std", "do_pad", "pad_size"),
}


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the network's input. The defaults are those of Meta's checkpoints.

    The image is resized; then each level, 0 to 255, becomes (level x rescale_factor - mean) / std, and zeros fill the
    rest of the input.

    Attributes:
        mean: of red, green and blue.
        std: of red, green and blue, above 0.
        rescale_factor: above 0.
        resample: the filter that resizes.
        longest_edge: the length of the image's longer side in the input, in pixels; None fills the input.
        stretches: whether the image is stretched over the whole input, as SAM's successors want it.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    rescale_factor: float = 1 / 255
    resample: Image.Resampling = Image.Resampling.BILINEAR
    longest_edge: int | None = None
    stretches: bool = False

    @property
    def signature(self) -> str:
        """One line; equal lines give equal inputs. Entries with their default are left out, but for mean and std."""
        line = f"sam-preprocessing-{_VERSION} mean {list(self.mean)} std {list(self.std)}"
        for field in fields(self)[2:]:
            value = getattr(self, field.name)
            if value != field.default:
                line += f" {field.name} {value.name if isinstance(value, Enum) else value}"
        return line

    def to_json(self, input_side: int) -> dict[str, object]:
        """The entries of ``preprocessor_config.json`` that say the same, for a network with square input.

        Args:
            input_side: of the network, in pixels.
        """
        side = {"height": input_side, "width": input_side}
        sizes = {"size": side} if self.stretches else {"size": {"longest_edge": self.longest_edge or input_side}}
        return {
            "image_processor_type": _IMAGE_PROCESSORS[self.stretches][0],
            "image_mean": list(self.mean),
            "image_std": list(self.std),
            "rescale_factor": self.rescale_factor,
            "resample": self.resample.value,
            **sizes,
            **({} if self.stretches else {"pad_size": side}),
        }

    def frame(self, image_hw: Size, input_side: int, logits_side: int) -> Frame:
        """Where an image lies in the network's square input and in its logits.

        SAM scales logits to the input, cuts the padding off and scales the rest to the image; its successors scale
        logits to the image at once. Masks go by way of the frame's input. So where the image is stretched, that is the
        grid of logits, and lengths in the network's own input are ``input_side / logits_side`` times as large.
        """
        if self.stretches:
            return Frame.stretched(image_hw, (logits_side, logits_side), (logits_side, logits_side))
        filled = Frame.padded(image_hw, self.longest_edge or input_side, logits_side)
        return replace(filled, input_hw=(input_side, input_side))

    def resized_hw(self, frame: Frame, input_side: int) -> Size:
        """Height and width of an image in the network's input."""
        return (input_side, input_side) if self.stretches else frame.content_hw


def read_preprocessing(
    processor: Mapping[str, object] | None,
    preprocessor: Mapping[str, object] | None,
    input_side: int,
    usual: Preprocessing = Preprocessing(),
) -> Preprocessing:
    """What the files of a checkpoint say; what is usual where it has none.

    Of two files the nested entries of ``processor_config.json`` count, as in transformers 5.

    Args:
        processor: ``processor_config.json``, parsed; None where there is none.
        preprocessor: ``preprocessor_config.json``, parsed; None where there is none.
        input_side: of the network, in pixels.
        usual: what the family's own checkpoints have; it says whether images are stretched.

    Raises:
        ModelError: an entry makes no sense, or says something that samwidget does not do.
    """
    nested = (processor or {}).get("image_processor")
    if nested is not None:
        if not isinstance(nested, Mapping):
            raise _refusal(f"{PROCESSOR_FILE}: image_processor", nested, "it must hold entries by name")
        return _Entries(f"{PROCESSOR_FILE}: image_processor.", nested, usual).preprocessing(input_side)
    if preprocessor is not None:
        return _Entries(f"{PREPROCESSOR_FILE}: ", preprocessor, usual).preprocessing(input_side)
    return _Entries(f"{PROCESSOR_FILE}: ", processor or {}, usual).preprocessing(input_side)


@dataclass(frozen=True)
class _Entries:
    """The entries of a file, with what stands before their names in errors, and what is usual for the family."""

    prefix: str
    values: Mapping[str, object]
    usual: Preprocessing

    def preprocessing(self, input_side: int) -> Preprocessing:
        self._check_names()
        if not self._flag("do_resize", True):
            raise self._refusal("do_resize", "samwidget always resizes images to the network's input")
        if self._flag("do_center_crop", False):
            raise self._refusal("do_center_crop", "samwidget does not crop images")
        longest_edge = input_side
        if self.usual.stretches:
            if self._flag("do_pad", False):
                raise self._refusal("do_pad", "the network reads stretched images")
            self._check_square("size", input_side)
        else:
            if not self._flag("do_pad", True):
                raise self._refusal("do_pad", "the network reads squares, so images have to be padded")
            self._check_square("pad_size", input_side)
            longest_edge = self._longest_edge(input_side)
        usual = self.usual
        normalises = self._flag("do_normalize", True)
        return Preprocessing(
            mean=self._triple("image_mean", usual.mean, -_NUMBER_MAX) if normalises else (0.0, 0.0, 0.0),
            std=self._triple("image_std", usual.std, _NUMBER_MIN) if normalises else (1.0, 1.0, 1.0),
            rescale_factor=self._factor(usual.rescale_factor) if self._flag("do_rescale", True) else 1.0,
            resample=self._filter(usual.resample),
            longest_edge=None if longest_edge == input_side else longest_edge,
            stretches=usual.stretches,
        )

    def _check_names(self) -> None:
        for name, value in self.values.items():
            # Names that begin with _ are transformers' own book-keeping; an unknown flag that is off does nothing.
            is_known = name in _USED or name in _WITHOUT_EFFECT or name.startswith("_")
            if not is_known and value is not None and value is not False:
                raise self._refusal(name, "samwidget does not know this entry")
        kind = self.values.get("image_processor_type")
        known = _IMAGE_PROCESSORS[self.usual.stretches]
        if kind is not None and kind not in known:
            raise self._refusal("image_processor_type", f"samwidget prepares images as {known[0]} does")

    def _flag(self, name: str, default: bool) -> bool:
        value = self.values.get(name, default)
        if value is None:  # transformers takes null as off
            return False
        if not isinstance(value, bool):
            raise self._refusal(name, "write true or false")
        return value

    def _factor(self, default: float) -> float:
        value = _number(self.values.get("rescale_factor", default), _NUMBER_MIN)
        if value is None:
            raise self._refusal("rescale_factor", "write a number above 0, such as 0.00392156862745098")
        return value

    def _triple(self, name: str, default: tuple[float, float, float], least: float) -> tuple[float, float, float]:
        value = self.values.get(name, list(default))
        numbers = [_number(part, least) for part in (value if isinstance(value, list) else [value] * 3)]
        if len(numbers) == 3 and numbers[0] is not None and numbers[1] is not None and numbers[2] is not None:
            return (numbers[0], numbers[1], numbers[2])
        need = "three numbers, for red, green and blue" + (", above 0" if least > 0 else "")
        raise self._refusal(name, f"write {need}")

    def _filter(self, default: Image.Resampling) -> Image.Resampling:
        """The filter by Pillow's number or name. By a name, transformers without torchvision takes bilinear for all."""
        value = self.values.get("resample", default.value)
        names = Image.Resampling.__members__
        if isinstance(value, str) and value.upper() in names:
            return names[value.upper()]
        if isinstance(value, int) and not isinstance(value, bool) and value in [item.value for item in names.values()]:
            return Image.Resampling(value)
        known = ", ".join(f"{item.value} {name.lower()}" for name, item in names.items())
        raise self._refusal("resample", f"write the number or the name of a filter: {known}")

    def _longest_edge(self, input_side: int) -> int:
        value = self.values.get("size", {"longest_edge": input_side})
        sides = _present(value)
        longest = _pixels(sides.get("longest_edge"))
        if longest is None or len(sides) > 1:
            raise self._refusal("size", 'samwidget resizes images by their longer side: {"longest_edge": pixels}')
        if longest > input_side:
            raise self._refusal("size", f"the network reads {input_side} x {input_side} pixels")
        return longest

    def _check_square(self, name: str, input_side: int) -> None:
        value = self.values.get(name, input_side)
        sides = {"height": value, "width": value} if isinstance(value, int) else _present(value)
        if sides.keys() != {"height", "width"} or any(_pixels(side) != input_side for side in sides.values()):
            raise self._refusal(name, f"the network reads {input_side} x {input_side} pixels")

    def _refusal(self, name: str, reason: str) -> ModelError:
        return _refusal(self.prefix + name, self.values.get(name), reason)


def _refusal(name: str, value: object, reason: str) -> ModelError:
    return ModelError(
        f"{name} is {short_repr(value)}: {reason}",
        hint="mend the entry in the checkpoint's folder; if the network was trained that way, samwidget cannot run it",
    )


def _number(value: object, least: float) -> float | None:
    """A number from ``least`` to the greatest allowed; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= _NUMBER_MAX:
        return float(value)
    return None


def _pixels(value: object) -> int | None:
    """A whole number above 0, which may be written as 512.0; None for anything else."""
    number = _number(value, 1)
    return int(number) if number is not None and number == int(number) else None


def _present(value: object) -> Mapping[str, object]:
    """The sides of a size that are not null; none where it is no size."""
    return {name: side for name, side in value.items() if side is not None} if isinstance(value, Mapping) else {}
