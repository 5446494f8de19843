"""Downloads from a hub on the loopback address with the real huggingface_hub, and what is in its local cache."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from samwidget.errors import ModelNotFoundError, StoppedError, UnsupportedModelError
from samwidget.models import hub, loader
from samwidget.models.registry import is_repo_here
from tests.models.fake_hub import FakeHub
from tests.models.mobile_sam.random_mobile_sam import save_mobile_sam

REPO = "someone/small-sam"
TIMEOUT_S = 60.0


@pytest.fixture
def fake_hub(small_sam_folder, tmp_path, monkeypatch):
    """The hub, for the processes of downloads; this process finds what they have downloaded."""
    fake_hub = FakeHub(small_sam_folder, REPO)
    for name, value in {
        "HF_ENDPOINT": fake_hub.url,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "NO_PROXY": "127.0.0.1",
        "HF_TOKEN": "",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    yield fake_hub
    fake_hub.close()


def blobs(tmp_path):
    folder = tmp_path / "cache" / "models--someone--small-sam" / "blobs"
    return [path.name for path in folder.iterdir()]


def test_a_download_tells_its_bytes_and_is_here_afterwards(fake_hub, small_sam_folder):
    fake_hub.gate.clear()
    told = []

    def progress(done, total):
        told.append((done, total))
        if fake_hub.reached_middle.is_set():
            fake_hub.gate.set()

    assert not is_repo_here(REPO)
    hub.download(REPO, progress, threading.Event())
    assert {total for _, total in told} == {sum(path.stat().st_size for path in small_sam_folder.iterdir())}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert is_repo_here(REPO)
    assert hub.repos_here() == [REPO]
    assert loader.load(REPO, device="cpu", local_files_only=True).family == "sam"


def test_a_model_that_is_one_file(fake_hub, tmp_path):
    """Its repository has no config: the card names the file."""
    fake_hub.repo, fake_hub.folder = "dhkim2810/MobileSAM", tmp_path / "repository"
    fake_hub.folder.mkdir()
    (fake_hub.folder / "README.md").write_text("of the repository")
    size = save_mobile_sam(fake_hub.folder).stat().st_size
    fake_hub.gate.clear()
    told = []

    def progress(done, total):
        told.append((done, total))
        if fake_hub.reached_middle.is_set():
            fake_hub.gate.set()

    assert not is_repo_here(fake_hub.repo)
    hub.download(fake_hub.repo, progress, threading.Event())
    assert {total for _, total in told} == {size}
    assert fake_hub.served == {"mobile_sam.pt": 1}
    assert is_repo_here(fake_hub.repo)
    segmenter = loader.load(fake_hub.repo, device="cpu", local_files_only=True)
    assert (segmenter.family, segmenter.name) == ("mobile_sam", fake_hub.repo)
    (fake_hub.folder / "mobile_sam.pt").unlink()
    with pytest.raises(ModelNotFoundError, match=r"has no mobile_sam\.pt"):
        hub.download(fake_hub.repo, lambda *_: None, threading.Event())


def test_a_download_that_was_ended_leaves_no_half_model_and_can_go_on(fake_hub, tmp_path):
    fake_hub.gate.clear()
    cancel = threading.Event()
    threading.Thread(target=lambda: fake_hub.reached_middle.wait(TIMEOUT_S) and cancel.set(), daemon=True).start()
    with pytest.raises(StoppedError, match="was stopped"):
        hub.download(REPO, lambda *_: None, cancel)
    assert not is_repo_here(REPO)
    assert hub.repos_here() == []
    assert not [name for name in blobs(tmp_path) if hub._ABANDONED.fullmatch(name)]

    fake_hub.gate.set()
    hub.download(REPO, lambda *_: None, threading.Event())
    assert is_repo_here(REPO)
    assert fake_hub.served["config.json"] == 1, "what was here is not downloaded again"
    assert not [name for name in blobs(tmp_path) if name.endswith("incomplete")]


def test_a_download_ends_with_the_process_that_began_it(fake_hub):
    fake_hub.gate.clear()
    process = subprocess.Popen([sys.executable, "-c", hub._PROGRAM, REPO], stdin=subprocess.PIPE)
    assert fake_hub.reached_middle.wait(TIMEOUT_S)
    process.stdin.close()  # as the system does when a process dies
    assert process.wait(TIMEOUT_S) == 1
    assert not is_repo_here(REPO)


def test_what_the_hub_refuses_has_its_remedy(fake_hub, tmp_path):
    with pytest.raises(ModelNotFoundError, match="there is no model"):
        hub.download("someone/nothing", lambda *_: None, threading.Event())
    fake_hub.is_gated = True
    with pytest.raises(ModelNotFoundError, match=r"gated.*accept its terms"):
        hub.download(REPO, lambda *_: None, threading.Event())
    fake_hub.is_gated = False
    fake_hub.folder = tmp_path / "other"
    fake_hub.folder.mkdir()
    (fake_hub.folder / "config.json").write_text('{"model_type": "seggpt"}')
    with pytest.raises(UnsupportedModelError, match="seggpt"):
        hub.download(REPO, lambda *_: None, threading.Event())


def test_offline(fake_hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelNotFoundError, match="not on this machine, and downloading is off"):
        hub.download(REPO, lambda *_: None, threading.Event())


@pytest.mark.parametrize(("name", "is_id"), [
    ("someone/small-sam", True), ("nano", False), ("../someone", False), ("a/b/c", False), ("~/model", False),
    ("models/mine", False), ("/etc/passwd", False), ("", False), ("someone/..", False),
])  # fmt: skip
def test_a_hub_id_is_no_path(tmp_path, monkeypatch, name, is_id):
    monkeypatch.chdir(tmp_path)
    Path("models/mine").mkdir(parents=True)
    assert hub.is_hub_id(name) is is_id


def test_a_folder_without_a_config_that_can_be_read(tmp_path):
    assert hub.model_type_of(tmp_path) is None
    for value in ("[", "[]", '{"model_type": 7}'):
        (tmp_path / "config.json").write_text(value)
        assert hub.model_type_of(tmp_path) is None
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam"}))
    assert hub.model_type_of(tmp_path) == "sam"
    assert hub.weights_bytes(tmp_path) == 0
    (tmp_path / "pytorch_model.bin").write_bytes(b"123")
    assert hub.weights_bytes(tmp_path) == 3
