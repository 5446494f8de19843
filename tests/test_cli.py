"""The command line: some commands as a user runs them, the others in this process, which saves their imports."""

import base64
import io
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samwidget import cli
from samwidget.errors import SamWidgetWarning
from samwidget.formats.azure_ml.messages import build_request, parse_response
from samwidget.predict import SamPredictor

COFFEE = Path(__file__).parent.parent / "notebooks/photos/coffee.jpg"
IMAGE = base64.b64encode(COFFEE.read_bytes()).decode()


def run_process(*words, cwd=None, standard_input=""):
    """Runs the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "samwidget", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        input=standard_input,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )


@pytest.fixture
def run(monkeypatch):
    """A function as ``run_process``, which runs the command in this process."""

    def run(*words, cwd=None, standard_input=""):
        streams = [io.TextIOWrapper(io.BytesIO(data), "utf-8") for data in (standard_input.encode(), b"", b"")]
        with monkeypatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("default", SamWidgetWarning)
            patch.setenv("HF_HUB_OFFLINE", "1")
            patch.setattr(sys, "argv", ["samwidget", *map(str, words)])
            for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
                patch.setattr(sys, name, stream)
            if cwd is not None:
                patch.chdir(cwd)
            with pytest.raises(SystemExit) as ended:
                cli.main()
        _, stdout, stderr = streams
        for stream in (stdout, stderr):
            stream.flush()
        texts = [stream.buffer.getvalue().decode() for stream in (stdout, stderr)]
        return subprocess.CompletedProcess(words, ended.value.code or 0, *texts)

    return run


def test_segment_writes_a_mask_of_the_photos_size(tmp_path):
    done = run_process("segment", COFFEE, "--point", "300,150", "--exclude", "20,20", "-o", tmp_path / "mask.png")
    assert done.returncode == 0, done.stderr
    mask = np.asarray(Image.open(tmp_path / "mask.png"))
    assert mask.shape == (400, 600)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[150, 300] == 255
    assert mask[20, 20] == 0
    assert f"{np.count_nonzero(mask)} pixels" in done.stdout


@pytest.mark.parametrize(
    ("words", "variable", "message"),
    [(("--threads", 0), None, "--threads"), ((), "many", "SAMWIDGET_THREADS is 'many'")],
)
def test_a_number_of_threads_that_is_none_is_refused(run, tmp_path, monkeypatch, words, variable, message):
    if variable:
        monkeypatch.setenv("SAMWIDGET_THREADS", variable)
    done = run("segment", COFFEE, "--point", "300,150", "-o", tmp_path / "mask.png", *words)
    assert done.returncode != 0
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_mask_is_written_as_the_ending_says_or_refused(run, tmp_path):
    done = run("segment", COFFEE, "--point", "300,150", "-o", tmp_path / "mask.npy")
    assert done.returncode == 0, done.stderr
    mask = np.load(tmp_path / "mask.npy")
    assert (mask.shape, mask.dtype, bool(mask[150, 300])) == ((400, 600), np.bool_, True)
    done = run("segment", COFFEE, "--point", "300,150", "-o", tmp_path / "mask.jpg")
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [tmp_path / "mask.npy"])
    assert "not written as .jpg: end the name of --output in .png or .npy" in done.stderr


@pytest.mark.parametrize("name", ["photo.png", "./photo.png", "link.png"])
def test_the_input_is_overwritten_only_by_force(run, tmp_path, name):
    Image.open(COFFEE).save(tmp_path / "photo.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "photo.png")
    before = (tmp_path / "photo.png").read_bytes()
    words = ("segment", "photo.png", "--point", "300,150", "-o", name)
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert "photo.png is the input" in done.stderr or "link.png is the input" in done.stderr
    assert (tmp_path / "photo.png").read_bytes() == before
    assert run(*words, "--force", cwd=tmp_path).returncode == 0
    assert (tmp_path / "photo.png").read_bytes() != before


def test_a_response_does_not_replace_its_request(tmp_path, request_file):
    (tmp_path / "request.json").write_bytes(request_file.read_bytes())
    done = run_process("score", "request.json", "-o", "request.json", cwd=tmp_path)
    assert done.returncode == 1
    assert "request.json is the input" in done.stderr
    assert (tmp_path / "request.json").read_bytes() == request_file.read_bytes()


@pytest.fixture(scope="module")
def request_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("score") / "request.json"
    path.write_text(json.dumps(build_request(IMAGE, points=[[300, 150]], labels=[1])))
    return path


@pytest.mark.parametrize(
    ("more", "style"), [((), "card"), (("--style", "service", "--model", "nano", "--threads", 1), "service")]
)
def test_score_writes_the_response(run, tmp_path, request_file, more, style):
    done = run("score", request_file, "-o", tmp_path / "response.json", *more)
    assert done.returncode == 0, done.stderr
    assert "response.json: 1 row" in done.stdout
    response = json.loads((tmp_path / "response.json").read_text())
    assert list(response[0]) == (["predictions"] if style == "card" else ["response"])
    (((masks, scores),),) = parse_response(response)
    assert masks.shape == (3, 400, 600)
    assert masks[scores.argmax(), 150, 300]


def test_score_reads_and_writes_pipes(request_file):
    done = run_process("score", "-", standard_input=request_file.read_text())
    assert done.returncode == 0, done.stderr
    (((masks, _),),) = parse_response(done.stdout)
    assert masks.shape == (3, 400, 600)


def test_models_lists_size_licence_and_presence(run):
    done = run("models")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["NAME", "SIZE", "LICENCE", "HERE"]
    (nano,) = [line for line in lines if line.startswith("nano")]
    assert nano.endswith("yes")
    assert any("facebook/sam-vit-huge" in line for line in lines)


def assert_one_line(done, message):
    assert done.returncode == 1
    assert done.stderr.startswith("samwidget: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("segment", "missing.jpg", "--point", "1,2", "-o", "mask.png"), "missing.jpg"),
        (("segment", COFFEE, "-o", "mask.png"), "there is no prompt"),
        (("segment", COFFEE, "--point", "1;2", "-o", "mask.png"), "write x,y, in pixels"),
        (("segment", COFFEE, "--box", "1,2,3", "-o", "mask.png"), "write x0,y0,x1,y1"),
        (("segment", COFFEE, "--point", "9999,2", "-o", "mask.png"), "outside the image"),
        (("segment", COFFEE, "--point", "1,2", "-o", "no/such/mask.png"), "does not exist"),
        (("segment", COFFEE, "--point", "1,2", "-o", "mask.png", "--model", "no-such-network"), "no-such-network"),
    ],
)
def test_mistakes_end_with_one_line_and_no_file(run, tmp_path, words, message):
    done = run(*words, cwd=tmp_path)
    assert_one_line(done, message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("segment", COFFEE, "--point", "1,2", "-o", "folder"), "folder cannot be written: Is a directory"),
        (("score", "request.json", "-o", "folder"), "folder cannot be written: Is a directory"),
        (("page", COFFEE, "-o", "file"), "file cannot be written: "),
        (("page", COFFEE, "-o", "folder.html"), "folder.html cannot be written: Is a directory"),
        (("lessons", "file"), "file cannot be written: Not a directory"),
        (("embed", "photos", "-o", "file"), "file cannot be written: File exists"),
    ],
)
def test_an_output_that_cannot_be_written_is_named_in_one_line(run, tmp_path, request_file, words, message):
    for folder in ("folder", "folder.html", "photos"):
        (tmp_path / folder).mkdir()
    (tmp_path / "photos/photo.jpg").write_bytes(COFFEE.read_bytes())
    (tmp_path / "request.json").write_bytes(request_file.read_bytes())
    (tmp_path / "file").write_text("mine")
    assert_one_line(run(*words, cwd=tmp_path), message)
    assert (tmp_path / "file").read_text() == "mine"
    assert not list((tmp_path / "folder").iterdir())


@pytest.mark.parametrize(
    ("words", "standard_input", "message"),
    [
        (("missing.json",), "", "missing.json cannot be read: No such file"),
        (("-",), "", "not JSON"),
        (("-",), '{"inputs": []}', "the request has unknown keys: inputs (did you mean input_data?)"),
        (("-",), json.dumps(build_request(IMAGE)), "row 0: there is no prompt"),
        (("-",), json.dumps(build_request(IMAGE, points=[[9999, 2]])), "row 0: point (9999, 2) lies outside"),
        (("-", "--style", "both"), json.dumps(build_request(IMAGE, points=[[1, 2]])), "give card or service"),
        (("-", "--model", "no-such-network"), "{}", "no-such-network"),
        (("-", "-o", "no/such/response.json"), "{}", "does not exist"),
    ],
    ids=range(8),  # the image is in some of the requests, which is longer than a system lets a test's name be
)
def test_requests_that_cannot_be_scored_end_with_one_line(run, tmp_path, words, standard_input, message):
    done = run("score", *words, cwd=tmp_path, standard_input=standard_input)
    assert_one_line(done, message)
    assert not done.stdout
    assert not list(tmp_path.iterdir())


def test_segment_reads_the_image_as_it_is_told(run, tmp_path):
    rgb = np.asarray(Image.open(COFFEE).convert("RGB"))
    deep = rgb[..., 0].astype(np.uint16) * 16
    Image.fromarray(deep[::-1].copy()).save(tmp_path / "deep.tif", save_all=True, append_images=[Image.fromarray(deep)])
    words = ("segment", tmp_path / "deep.tif", "--point", "300,150", "-o", tmp_path / "mask.png")
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "samwidget: deep.tif has 2 frames: this is frame 0; give frame= to choose one",
        f"samwidget: the uint16 values {deep.min()} to {deep.max()} became 0 to 255; "
        "give scale=(low, high) to choose the range",
    ]
    first = (tmp_path / "mask.png").read_bytes()
    done = run(*words, "--frame", "1", "--scale", "0,4095", "--exif", "ignore", "--force")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "mask.png").read_bytes() != first
    for option, value in (("--scale", "9,1"), ("--exif", "yes")):
        assert_one_line(run(*words, option, value, "--force"), f"{option[2:]} is ")


def test_lessons_copies_them_with_their_photos_and_keeps_what_is_there(run, tmp_path):
    done = run("lessons", tmp_path / "course")
    assert done.returncode == 0, done.stderr
    lessons = sorted(path.name for path in (tmp_path / "course/lessons").iterdir())
    assert lessons == sorted(path.name for path in (COFFEE.parent.parent / "lessons").glob("*.ipynb"))
    assert (tmp_path / "course/photos/masks/head.png").is_file()
    assert f"begin with {tmp_path / 'course/lessons' / lessons[0]}" in done.stdout
    (tmp_path / "course/lessons" / lessons[0]).write_text("my work")
    (tmp_path / "course/photos/coffee.jpg").unlink()
    done = run("lessons", tmp_path / "course")
    assert "1 file copied" in done.stdout
    assert (tmp_path / "course/lessons" / lessons[0]).read_text() == "my work"


def test_embed_encodes_a_folder_ahead_and_a_second_time_nothing(run, tmp_path):
    for name in ("coffee.jpg", "coins.jpg"):
        (tmp_path / name).write_bytes((COFFEE.parent / name).read_bytes())
    (tmp_path / "notes.txt").write_text("no image")
    done = run("embed", tmp_path)
    assert done.stdout == f"{tmp_path / 'embeddings'}: embeddings of 2 images by nano, 2 of them new\n", done.stderr
    predictor = SamPredictor.from_pretrained(cache_folder=tmp_path / "embeddings")
    assert predictor.embed_with_source(tmp_path / "coins.jpg").from_cache
    assert predictor.encodes == 0
    (tmp_path / "broken.jpg").write_text("no image")
    done = run("embed", tmp_path)
    assert done.stdout.endswith("embeddings of 2 images by nano, 0 of them new\n")
    assert_one_line(done, "broken.jpg")
    assert_one_line(run("embed", tmp_path / "embeddings"), "has no images")


def test_demo_opens_the_first_notebook_and_asks_nothing_about_news(monkeypatch):
    started = []

    def start(command):
        options = dict(option.removeprefix("--").split("=", 1) for option in command if "=" in option)
        settings = json.loads((Path(options["LabApp.app_settings_dir"]) / "overrides.json").read_text())
        started.append((options, settings))
        return 3

    monkeypatch.setattr(cli.subprocess, "call", start)
    with pytest.raises(cli.typer.Exit) as ended:
        cli.demo(browser=False)
    assert ended.value.exit_code == 3
    ((options, settings),) = started
    assert options["LabApp.default_url"] == "/lab/tree/01_first_mask.ipynb"
    assert (Path(options["ServerApp.root_dir"]) / "01_first_mask.ipynb").is_file()
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
    assert not Path(options["LabApp.app_settings_dir"]).exists()
