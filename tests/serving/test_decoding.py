"""Images that harm the process that decodes them: it is ended, the next image gets another one."""

import os
import signal
import subprocess
import sys

import numpy as np
import psutil
import pytest

from samwidget.errors import ImageError, LimitError
from samwidget.images import load_rgb
from samwidget.serving import decoding
from samwidget.serving.decoding import DecoderError, Decoders
from samwidget.serving.http.errors import status_of
from samwidget.serving.limits import Limits
from tests.serving.image_files import encoded, png_of_claimed_size, slow_jpeg

PHOTO = encoded("JPEG", (60, 80))


of_others = set()


def processes():
    """The processes that the test has started."""
    children = psutil.Process().children()
    return [each for each in children if is_decoder(each) and each not in of_others]


def is_decoder(process):
    try:
        return any("samwidget.serving.decode_worker" in word for word in process.cmdline())
    except psutil.Error:  # it has ended
        return False


@pytest.fixture
def decoders():
    made = []
    of_others.update(processes())

    def make(count=1, **limits):
        made.append(Decoders(Limits(**limits), count))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_pixels_are_those_of_load_rgb(decoders):
    decoder = decoders()
    for _ in range(3):
        np.testing.assert_array_equal(decoder.decode(PHOTO), load_rgb(PHOTO))
    assert len(processes()) == 1


def test_one_process_serves_where_one_image_comes_at_a_time(decoders):
    decoder = decoders(count=3)
    for _ in range(5):
        decoder.submit(PHOTO).result()
    assert len(processes()) == 1


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", ImageError, "not an image that can be read"),
        (b"text", ImageError, "not an image that can be read"),
        (png_of_claimed_size(99, 99), LimitError, "more than 5000 pixels"),
        ("http://example.org/a.png", ImageError, "is a URL"),
    ],
)
def test_errors_come_as_they_were_raised(decoders, data, error, message):
    decoder = decoders(pixels=5000)
    with pytest.raises(error, match=message) as caught:
        decoder.decode(data)
    if error is LimitError:
        assert (caught.value.limit, caught.value.maximum) == ("pixels", 5000)
    assert decoder.decode(PHOTO).shape == (60, 80, 3)


def test_an_image_that_takes_too_long_ends_its_process_alone(decoders):
    decoder = decoders(count=2, decode_s=1)
    slow = decoder.submit(slow_jpeg())
    assert decoder.decode(PHOTO).shape == (60, 80, 3)  # meanwhile
    with pytest.raises(LimitError, match="took longer than 1 s") as caught:
        slow.result()
    assert caught.value.limit == "decode_s"
    assert len(processes()) == 1
    assert decoder.submit(PHOTO).result().shape == (60, 80, 3)


def test_a_start_waits_until_the_process_is_ready(decoders):
    decoder = decoders()
    decoder.start()
    (process,) = processes()
    decoder.decode(PHOTO)
    assert processes() == [process]


@pytest.mark.parametrize("script", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec sleep 100\n", "", None])
def test_a_process_that_does_not_start_is_no_fault_of_the_image(decoders, monkeypatch, tmp_path, script):
    program = tmp_path / "program"
    if script is not None:
        program.write_text(script)
        program.chmod(0o700)
    decoder = decoders()
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "_START_S", 0.3)
        patched.setattr(decoding.sys, "executable", str(program))
        with pytest.raises(DecoderError, match="does not start") as caught:
            decoder.decode(PHOTO)
        with pytest.raises(DecoderError):
            decoder.start()
    assert status_of(caught.value) == 500
    assert decoder.decode(PHOTO).shape == (60, 80, 3)


class FakeProcess:
    is_killed = False

    def kill(self):
        self.is_killed = True


def test_a_deadline_never_ends_the_process_after_its_image():
    process = FakeProcess()
    deadline = decoding._Deadline(process, 100)
    with deadline:
        pass
    deadline._end()  # what a timer does that began just before it was cancelled
    assert not process.is_killed
    assert not deadline.has_ended_it
    deadline = decoding._Deadline(process, 100)
    with deadline:
        deadline._end()
    assert process.is_killed
    assert deadline.has_ended_it


def test_a_process_that_is_killed_is_replaced(decoders):
    decoder = decoders()
    decoder.decode(PHOTO)
    (process,) = processes()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert decoder.decode(PHOTO).shape == (60, 80, 3)


def test_an_image_whose_process_is_killed_gets_another_one(decoders, monkeypatch, tmp_path):
    """As where memory is short: the system ends one process, and the image may be anybody's."""
    program, was_killed, python = tmp_path / "program", tmp_path / "was killed", sys.executable
    program.write_text(
        f"#!{python}\nimport os, sys\n"
        f"if os.path.exists({str(was_killed)!r}):\n    os.execv({python!r}, [{python!r}, *sys.argv[1:]])\n"
        f"open({str(was_killed)!r}, 'w')\nos.write(1, b'\\n')\nos.read(0, 16)\nos.kill(os.getpid(), 9)\n"
    )
    program.chmod(0o700)
    monkeypatch.setattr(decoding.sys, "executable", str(program))
    assert decoders().decode(PHOTO).shape == (60, 80, 3)
    assert was_killed.exists()


FALSE_REPLIES = {
    "ends": "sys.exit(1)",
    "garbage": "os.write(1, b'x' * 1000)",
    "long head": "os.write(1, struct.pack('<QQ', 1 << 40, 0))",
    "no object": "os.write(1, struct.pack('<QQ', 2, 0) + b'[]')",
    "deep": "os.write(1, struct.pack('<QQ', 60000, 0) + b'[' * 60000)",
    "wrong sizes": "h = b'{\"hw\": [4, 5]}'; os.write(1, struct.pack('<QQ', len(h), 61) + h)",
    "too many pixels": "h = b'{\"hw\": [9000, 9000]}'; os.write(1, struct.pack('<QQ', len(h), 3 * 9000 * 9000) + h)",
    "false sizes": "h = b'{\"hw\": [[], {}]}'; os.write(1, struct.pack('<QQ', len(h), 0) + h)",
    "cut off": "h = b'{\"hw\": [4, 5]}'; os.write(1, struct.pack('<QQ', len(h), 60) + h + b'x')",
}


@pytest.mark.parametrize("reply", FALSE_REPLIES)
def test_a_process_that_was_taken_over_is_not_believed(decoders, monkeypatch, tmp_path, reply):
    program = tmp_path / "program"
    program.write_text(
        f"#!{sys.executable}\nimport os, struct, sys\nos.write(1, b'\\n')\nos.read(0, 16)\n{FALSE_REPLIES[reply]}\n"
    )
    program.chmod(0o700)
    monkeypatch.setattr(decoding.sys, "executable", str(program))
    with pytest.raises(ImageError, match="ended the program"):
        decoders(pixels=1_000_000).decode(PHOTO)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_memory_is_limited(decoders):
    decoder = decoders(pixels=1000)
    decoder.decode(encoded("PNG"))
    (process,) = processes()
    soft, hard = process.rlimit(psutil.RLIMIT_AS)
    assert 0 < soft == hard < process.memory_info().vms + (1 << 30)


def test_processes_know_no_key_and_end_with_their_server(decoders, monkeypatch):
    monkeypatch.setenv("SAMWIDGET_KEY", "a key of enough letters")
    decoder = decoders()
    decoder.decode(PHOTO)
    (process,) = processes()
    assert "SAMWIDGET_KEY" not in process.environ()
    assert os.getsid(process.pid) == process.pid  # Ctrl-C does not reach it
    decoder.close()
    process.wait(60)


def test_a_decoder_at_work_ends_with_the_server(tmp_path):
    """Also where the server is killed: it would go on for minutes, and nobody would end it."""
    (tmp_path / "slow.jpg").write_bytes(slow_jpeg())
    program = (
        "import sys, pathlib, time\n"
        "from samwidget.serving.decoding import Decoders\n"
        "decoders = Decoders()\n"
        "decoders.start()\n"
        "decoders.submit(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "time.sleep(0.5)\n"
        "print('at work', flush=True)\n"
        "time.sleep(100)\n"
    )
    server = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "slow.jpg")], stdout=subprocess.PIPE)
    with server:
        server.stdout.readline()
        (decoder,) = psutil.Process(server.pid).children()
        server.kill()
    decoder.wait(timeout=60)  # the image alone would take minutes
