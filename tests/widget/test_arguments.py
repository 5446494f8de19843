"""What Python passes to a widget, of the libraries that people use: read, or refused at once with what to give."""

import numpy as np
import pandas as pd
import pytest
import torch

from samwidget.errors import PromptError


@pytest.mark.parametrize("number", [np.array(1), torch.tensor(1), np.uint64(1), [torch.tensor(1)], pd.Series([1]), {1}])
def test_ids_are_numbers_of_any_library(make, number):
    widget = make()
    widget.add([30, 40])
    widget.lock(number)
    assert widget.objects[0].locked
    widget.unlock(number)
    if not isinstance(number, list | pd.Series | set):
        widget.rename(number, "cup")
        assert widget.objects[0].name == "cup"
    widget.delete(number)
    assert widget.objects == ()


@pytest.mark.parametrize("number", [
    np.array(1.0), torch.tensor(1.0), "1", b"1", 1.0, True, int, [], [[1, 2]], [1, "a"], pd.NA,
])  # fmt: skip
def test_what_is_no_id_is_refused_and_nothing_changes(make, number):
    widget = make()
    widget.add([30, 40])
    for act in (widget.delete, widget.lock, widget.merge, lambda ids: widget.subtract(1, ids)):
        with pytest.raises(PromptError, match="give the id of an object, or a list of ids"):
            act(number)
    assert len(widget.objects) == 1


@pytest.mark.parametrize("amount", [None, "wide", float("inf"), float("nan"), 10**400, -1, pd.NA, np.array([1, 2])])
def test_a_number_of_pixels_is_a_finite_number(make, amount):
    widget = make()
    widget.add([30, 40])
    for act in (widget.smooth, widget.grow, widget.shrink):
        with pytest.raises(PromptError, match=r"the number of pixels is .*: give a finite number from 0"):
            act(1, amount)
    assert widget.objects[0].run_lengths is None, "nothing was corrected"


@pytest.mark.parametrize("label", [None, 2, 2**70, float("nan"), {}])
def test_a_scribble_has_a_label(make, label):
    with pytest.raises(PromptError, match="use 1 to include and 0 to exclude"):
        make().scribble([[30, 40], [50, 40]], label)


def test_a_deadline_and_a_callback_are_checked_at_once(make):
    widget = make()
    for seconds in ("soon", [1], float("nan"), -1, 1j):
        with pytest.raises(PromptError, match=r"timeout_s is .*: give a finite number from 0"):
            widget.wait(seconds)
    for callback in (None, 5, "print"):
        with pytest.raises(TypeError, match="give a function that takes the widget"):
            widget.on_change(callback)
