"""Networks on other machines, behind the protocol of one that is here."""

from samwidget.models.remote.segmenters import open_remote
from samwidget.models.remote.wire import read_question, write_answer

__all__ = ["open_remote", "read_question", "write_answer"]
