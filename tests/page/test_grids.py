"""Python judges the recorded grids; frontend/tests/page/lesson/grid_rules.test.ts has a page judge the same ones."""

import json

from tests.page.grids import FILE, content


def test_python_replies_as_recorded():
    recorded = json.loads(FILE.read_text(encoding="utf-8"))
    assert json.loads(json.dumps(content(recorded["points"]))) == recorded


def test_each_fate_and_each_measure_is_recorded():
    replies = json.loads(FILE.read_text(encoding="utf-8"))["replies"]
    assert {fate for reply in replies for fate in reply["fates"]} == {
        "kept",
        "duplicate",
        "not stable",
        "score too low",
    }
    for name in ("coins", "others", "copies", "large"):
        assert len({reply["measures"][name] for reply in replies}) > 1, name
