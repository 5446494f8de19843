"""What a fine-tuning returns: where the model is, how good it was before and is now, and the curve between.

Owns the value and how it reads as text and in a notebook. ``tune`` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from samwidget.errors import ModelError
from samwidget.training.fine_tuning.curve import CurvePoint
from samwidget.training.fine_tuning.gain import Gain
from samwidget.training.fine_tuning.measure import CLICKS, TARGET, ClickScores

if TYPE_CHECKING:
    from samwidget.predict import SamPredictor


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model, and what it gained.

    Attributes:
        folder: of the model, a value of ``model=``; None where nothing was saved because nothing was better.
        base: name of the model from which it learned.
        before: scores on the held-out photos before; on the photos learned from where none are held out.
        after: the same, afterwards.
        gain: of one click on these objects, with its standard error; where nothing was saved, what the best weights
            gained. Few objects are clicked at several places, so it differs a little from ``after`` less ``before``.
        curve: the checks, from step 0 on.
        learned_from: names of the photos learned from.
        held_out: names of the photos held out.
        share: how far the weights were moved from those before to those learned, 0 to 1.
        minutes: how long all of it took.
        ended: ``time``, ``steps``, ``stopped`` or ``diverged``.
    """

    folder: Path | None
    base: str
    before: ClickScores
    after: ClickScores
    gain: Gain
    curve: tuple[CurvePoint, ...] = field(repr=False)
    learned_from: tuple[str, ...]
    held_out: tuple[str, ...]
    share: float
    minutes: float
    ended: str

    @property
    def predictor(self) -> SamPredictor:
        """A new predictor with the model.

        Raises:
            ModelError: nothing was saved, or the folder is no longer there.
        """
        from samwidget.predict import SamPredictor

        if self.folder is None:
            raise ModelError("nothing was saved, since no weights were better", hint="label more photos and try again")
        return SamPredictor.from_pretrained(self.folder)

    @property
    def doubt(self) -> str | None:
        """Why the gain may be chance, and what to do about it; None where it is clear."""
        count = self.gain.objects
        where = f"{count} {'held-out ' * bool(self.held_out)}object{'s' * (count > 1)}"
        if self.folder is None:
            return (
                f"no weights gave better masks than before by more than chance on {where} (gain {self.gain}), so "
                "nothing was saved: label more photos, or learn longer"
            )
        if self.gain.is_clear:
            return None
        return (
            f"{where} can hardly tell the gain of {self.gain} from chance: compare both models on other photos before "
            "you use this one, label more, or give a larger held_out"
        )

    def rows(self) -> list[tuple[str, str, str]]:
        """Name, before and after of each score."""
        rows = [
            (f"IoU after {count} click{'s' * (count > 1)}", f"{before:.3f}", f"{after:.3f}")
            for count, before, after in zip(range(1, CLICKS + 1), self.before.ious, self.after.ious, strict=False)
            if count in (1, 3, CLICKS)
        ]
        needed = (f"{self.before.clicks_needed:.1f}", f"{self.after.clicks_needed:.1f}")
        return [*rows, (f"clicks to {TARGET} (at most {CLICKS})", *needed)]

    @property
    def sentence(self) -> str:
        """What was learned from, what was measured on and how exactly, and where the model is."""
        kind = f"{len(self.held_out)} held-out photos" if self.held_out else "the photos it learned from"
        where = f"saved as {self.folder}" if self.folder else "nothing was better, so nothing was saved"
        return (
            f"{self.base} learned from {len(self.learned_from)} photos in {self.minutes:.1f} minutes; measured on "
            f"{self.before.objects} objects of {kind} (standard error of the gain {self.gain.error:.3f}); {where}"
        )

    def __str__(self) -> str:
        return "\n".join(
            [self.sentence, *(f"  {name:26s} {before:>6s} -> {after}" for name, before, after in self.rows())]
        )

    def _repr_html_(self) -> str:
        cells = "".join(
            f'<tr><td style="text-align:left">{name}</td><td>{before}</td><td>{after}</td></tr>'
            for name, before, after in self.rows()
        )
        return (
            '<div style="font:16px system-ui,sans-serif;max-width:640px">'
            f"<p>{self.sentence}.</p>"
            f'<table style="font-size:16px"><tr><th></th><th>before</th><th>after</th></tr>{cells}</table></div>'
        )
