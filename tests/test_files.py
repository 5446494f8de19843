"""files: a file has its old content or its new content, and nothing is left over."""

import os
import stat
import sys

import pytest

from samwidget.files import atomic_text_writer, atomic_writer


@pytest.fixture(params=[True, False], ids=["durable", "not durable"])
def durable(request):
    return request.param


def test_bytes_replace_the_file_when_the_block_ends(tmp_path, durable):
    path = tmp_path / "weights.bin"
    path.write_bytes(b"old")
    with atomic_writer(path, durable=durable) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_utf_8_with_newlines_as_written(tmp_path):
    path = tmp_path / "list.csv"
    with atomic_text_writer(path) as file:
        file.write("größe\n")
        file.write("rows\r\n")
        assert not path.exists()
    assert path.read_bytes() == "größe\nrows\r\n".encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("writer", [atomic_writer, atomic_text_writer])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_no_other(tmp_path, writer, error):
    path = tmp_path / "config.json"
    path.write_bytes(b"old")

    def fail():
        with writer(path) as file:
            file.write(b"half" if writer is atomic_writer else "half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_before_the_first_file_leaves_none(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_writer(tmp_path / "file"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_the_unfinished_file_lies_in_the_scratch_folder(tmp_path):
    scratch, folder = tmp_path / "parts", tmp_path / "out"
    scratch.mkdir()
    folder.mkdir()
    with atomic_writer(folder / "mask.png", scratch=scratch) as file:
        file.write(b"png")
        assert [path.suffix for path in scratch.iterdir()] == [".unfinished"]
        assert list(folder.iterdir()) == []
    assert list(scratch.iterdir()) == []
    assert (folder / "mask.png").read_bytes() == b"png"


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_writer(tmp_path / "missing" / "file"):
        raise AssertionError("the block must not run")


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    path, events = tmp_path / "part.csv", []
    sync = os.fsync

    def fsync(descriptor):
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        events.append(("folder" if is_folder else "file", path.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_text_writer(path) as file:
        file.write("row\n")
    assert events == [("file", False), *([("folder", True)] if os.name == "posix" else [])]
    with atomic_writer(tmp_path / "cache.bin", durable=False) as file:
        file.write(b"row")
    assert len(events) <= 2


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
@pytest.mark.parametrize(("mode", "expected"), [(0o666, 0o644), (0o600, 0o600)])
def test_permissions_are_the_mode_less_the_umask(tmp_path, mode, expected):
    before = os.umask(0o022)
    try:
        with atomic_writer(tmp_path / "file", mode=mode) as file:
            file.write(b"private" if mode == 0o600 else b"shared")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == expected
