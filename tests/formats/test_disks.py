"""Disks that refuse: for each format the old file or folder stays as it was, and nothing else is left."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from samwidget.core import RunLengths
from samwidget.errors import FormatError
from samwidget.formats import FORMATS, DataSet, LabelledImage, LabelledObject, write_labels

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
NAMES = [f"labels{chosen.suffixes[0]}" if chosen.suffixes else name for name, chosen in FORMATS.items()]
PAIRS = list(zip(NAMES, FORMATS, strict=True))
FOLDERS = [name for name in FORMATS if not FORMATS[name].holds_many]


def data(count):
    """One image or more with a mask of many runs, so that every format needs some kilobytes."""
    mask = RunLengths.from_mask(PIXELS[:, :, 0] > 128)
    objects = tuple(LabelledObject(mask, class_name="cat") for _ in range(12))
    return DataSet([LabelledImage(f"{number}.png", (40, 40), objects, read=lambda: PIXELS) for number in range(count)])


@contextmanager
def small_disk():
    """Files cannot grow beyond 500 bytes meanwhile: the system refuses as it does where a disk is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("name", "format_name"), PAIRS)
def test_a_full_disk_leaves_the_file(tmp_path, name, format_name):
    write_labels(data(1), tmp_path / name, format_name)
    before = files_of(tmp_path)
    with small_disk(), pytest.raises(FormatError, match=r"cannot be written: .*; what was there stays"):
        write_labels(data(1), tmp_path / name, format_name)
    assert files_of(tmp_path) == before


@pytest.mark.parametrize("format_name", FOLDERS)
def test_a_full_disk_leaves_the_folder_of_many_images(tmp_path, format_name):
    write_labels(data(1), tmp_path / "set", format_name)
    before = files_of(tmp_path)
    with small_disk(), pytest.raises(FormatError, match=r"cannot be written"):
        write_labels(data(3), tmp_path / "set", format_name)
    assert files_of(tmp_path) == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder that is read-only for everybody, root too")
@pytest.mark.parametrize(("name", "format_name"), PAIRS)
def test_a_read_only_folder(name, format_name):
    with pytest.raises(FormatError, match=r"/proc/.* cannot be written"):
        write_labels(data(1), f"/proc/{name}", format_name)


@pytest.mark.skipif(sys.platform == "win32" or getattr(os, "geteuid", lambda: 0)() == 0, reason="root may write it")
@pytest.mark.parametrize(("name", "format_name"), PAIRS)
def test_a_folder_without_the_right_to_write(tmp_path, name, format_name):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(FormatError, match="cannot be written: Permission denied"):
            write_labels(data(1), tmp_path / name, format_name)
    finally:
        tmp_path.chmod(0o700)
