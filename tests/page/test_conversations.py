"""The Python kernel leads the recorded conversations; frontend/tests/page replays the same ones with that of a page."""

import json

import pytest

from tests.page.conversations import FOLDER, lead, read


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_python_replies_as_recorded(path):
    requests, recorded = read(path)
    for request, reply, expected in zip(requests, json.loads(json.dumps(lead(requests))), recorded, strict=True):
        assert reply == expected, request
