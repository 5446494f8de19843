"""Says which extra of samwidget to install where a package that only batch runs need is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from samwidget.errors import BatchError


@contextmanager
def batch_extra(purpose: str, *, otherwise: str = "") -> Iterator[None]:
    """Surrounds the imports of packages that are in the extra ``batch``.

    Args:
        purpose: what needs the package, as the subject of the message: "Parquet".
        otherwise: another remedy, such as an option that needs no package.

    Raises:
        BatchError: an import in the block failed.
    """
    try:
        yield
    except ImportError as error:
        package = (error.name or str(error)).split(".")[0]
        hint = "pip install 'samwidget[batch]'"
        raise BatchError(
            f"{purpose} needs the package {package}", hint=f"{hint}, or {otherwise}" if otherwise else hint
        ) from error
