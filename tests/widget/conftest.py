import json
from pathlib import Path

import pytest

from tests.widget.fakes import WiredWidget

SHARED = Path(__file__).parent.parent / "shared"


@pytest.fixture
def make():
    """Makes widgets on a fake network, and closes them after the test."""
    made = []

    def make(*args, **kwargs):
        made.append(WiredWidget(*args, **kwargs))
        return made[-1]

    yield make
    for widget in made:
        predictor = widget._controller.network.predictor
        if predictor is not None:
            predictor.encode_gate.open()
            predictor.decode_gate.open()
        widget.close()


@pytest.fixture(scope="session")
def messages():
    """The examples that both languages are held to."""
    return json.loads((SHARED / "messages.json").read_text(encoding="utf-8"))
