"""What `samwidget serve` refuses before it loads anything."""

import socket

import pytest
from typer.testing import CliRunner

from samwidget.cli import app
from samwidget.errors import SamWidgetError


@pytest.fixture
def start(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("samwidget.predict.predictor.SamPredictor.from_pretrained", pytest.fail)

    def start(*words):
        return CliRunner().invoke(app, ["serve", *map(str, words)])

    return start


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--no-key", "--host", "0.0.0.0"), "add --open-to-anyone if that is meant"),
        (("--config", "none.yaml"), "No such file"),
        (
            ("--config", "workspace.yaml"),
            "azureml:sam:1 is an asset of Azure ML",
        ),
        (("--host", "192.0.2.1"), "cannot listen at 192.0.2.1"),
    ],
)
def test_refusals_are_one_line(start, tmp_path, monkeypatch, words, message):
    (tmp_path / "workspace.yaml").write_text("model: azureml:sam:1")
    monkeypatch.delenv("SAMWIDGET_KEY", raising=False)
    done = start(*words)
    assert isinstance(done.exception, SamWidgetError)
    assert message in str(done.exception)


def test_a_port_that_is_taken(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = start("--port", taken.getsockname()[1])
    assert isinstance(done.exception, SamWidgetError)
    assert "choose another with --port" in str(done.exception)


def test_without_its_packages_the_remedy_is_told(start, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "uvicorn" else find(name, *rest)
    )
    done = start()
    assert str(done.exception) == "samwidget serve needs uvicorn: run pip install 'samwidget[serve]'"
