"""Tensors of torch, wherever and however they hold their values: read as the array with the same values, or refused."""

import numpy as np
import pytest
import torch

from samwidget.errors import ImageError
from samwidget.images.load import load_rgb
from samwidget.images.options import PIXELS_MAX

# Torch warns of each of these once.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Sparse",
    "ignore:torch.quantize_per_tensor",
    "ignore:ComplexHalf",
    "ignore:The PyTorch API of nested tensors",
)
VALUES = torch.arange(48, dtype=torch.float32).reshape(6, 8) / 47
COMPLEX = torch.complex(VALUES, -VALUES)
NO_PLACES = torch.zeros(2, 0, dtype=torch.long)


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (lambda: VALUES, VALUES),
        (lambda: VALUES.clone().requires_grad_(), VALUES),
        (lambda: torch.nn.Parameter(VALUES.clone()) * 1, VALUES),
        (lambda: VALUES.to_sparse(), VALUES),
        (lambda: VALUES.to_sparse_csr(), VALUES),
        (lambda: VALUES.to_mkldnn(), VALUES),
        (lambda: COMPLEX.conj().imag, VALUES),  # a view whose values are negated when they are read
        (lambda: COMPLEX.real, VALUES),
        (lambda: VALUES.T, VALUES.T),
        (lambda: VALUES[:1].expand(6, 8), VALUES[:1].expand(6, 8)),
        (lambda: VALUES.to(torch.bfloat16), VALUES.to(torch.bfloat16).float()),
        (lambda: VALUES.to(torch.float8_e4m3fn), VALUES.to(torch.float8_e4m3fn).float()),
        (lambda: torch.quantize_per_tensor(VALUES, 1 / 255, 0, torch.quint8), (VALUES * 255).round() / 255),
        (lambda: (VALUES * 255).to(torch.uint8), (VALUES * 255).to(torch.uint8)),
    ],
)
def test_tensors_are_read_as_the_array(tensor, expected):
    np.testing.assert_array_equal(load_rgb(tensor()), load_rgb(expected.numpy()))


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (lambda: COMPLEX, r"dtype torch.complex64: give tensor.abs\(\)"),
        (lambda: COMPLEX.conj(), "dtype torch.complex64"),
        (lambda: COMPLEX.to(torch.complex32), "dtype torch.complex32"),
        (lambda: VALUES.to("meta"), "no values: its device is meta"),
        (lambda: torch.nn.Parameter(VALUES.to("meta")), "no values"),
        (
            lambda: torch.sparse_coo_tensor(NO_PLACES, torch.zeros(0), (10**9, 10**9)),
            rf"shape \(1000.*{PIXELS_MAX} pixels",
        ),
        (lambda: torch.nested.nested_tensor([VALUES, VALUES]), "cannot be read"),
        (lambda: torch.zeros(0, 3), "no pixels"),
        (lambda: torch.tensor(1.0), "shape"),
    ],
)
def test_tensors_that_are_no_image_are_refused(tensor, message):
    with pytest.raises(ImageError, match=message) as caught:
        load_rgb(tensor())
    assert caught.value.hint


def test_a_tensor_within_a_transform_of_functions_is_refused():
    with pytest.raises(ImageError, match="cannot be read"):
        torch.func.vmap(lambda image: torch.as_tensor(load_rgb(image)))(VALUES[None])
