"""The errors of ``compat``: ours, and at the same time what the reference raises, so that code for it catches them."""

from __future__ import annotations

from samwidget.errors import ModelError, ModelNotFoundError, PromptError


class ImageNotSetError(PromptError, RuntimeError):
    """Masks or features were asked for before an image was set."""


class ArgumentError(PromptError, AssertionError):
    """Arguments do not go together, or one has a value that there is not."""


class PartError(ModelError, RuntimeError):
    """The model has no such part, or the part cannot be changed."""


class ModelTypeError(ModelNotFoundError, KeyError):
    """``sam_model_registry`` has no such key."""
