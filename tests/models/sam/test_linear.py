"""Linear layers by two products, and when the private one is not taken."""

from functools import cache

import pytest
import torch
import torch.nn.functional as F

from samwidget.models.sam import linear


@pytest.fixture(autouse=True)
def new_choice(monkeypatch):
    """The choice is made anew in each test, and that of the process stays: other tests have embeddings made with it."""
    monkeypatch.setattr(linear, "_packing_pays", cache(linear._packing_pays.__wrapped__))


@pytest.mark.parametrize("packing_pays", [True, False])
@pytest.mark.parametrize("gelu", [True, False])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("count", [5, 8, 11])
def test_both_products_are_the_linear_layer(monkeypatch, packing_pays, gelu, with_bias, count):
    if packing_pays and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this torch has no packed product")
    monkeypatch.setattr(linear, "_packing_pays", lambda _: packing_pays)
    x, weight, bias = torch.randn(count, 6), torch.randn(6, 4).T, torch.randn(4) if with_bias else None
    layer = linear.prepare(8, weight, bias, gelu)
    expected = F.linear(x, weight, bias)
    torch.testing.assert_close(layer(x), F.gelu(expected) if gelu else expected)
    assert layer(x).data_ptr() != x.data_ptr()


def test_a_torch_without_the_operator(monkeypatch):
    class Empty:
        pass

    monkeypatch.setattr(torch.ops, "mkldnn", Empty())
    assert not linear._packing_pays(torch.float32)
    assert linear.prepare(8, torch.eye(3), None)(torch.ones(2, 3)).tolist() == [[1, 1, 1], [1, 1, 1]]


def test_an_operator_with_other_results_is_not_taken(monkeypatch):
    class Wrong:
        @staticmethod
        def _reorder_linear_weight(weight, rows):
            return weight

        @staticmethod
        def _linear_pointwise(x, weight, bias, *activation):
            return F.linear(x, weight, bias)  # forgets GELU, and is as fast as can be

    monkeypatch.setattr(torch.ops, "mkldnn", Wrong())
    assert not linear._packing_pays(torch.float32)


def test_the_choice_is_made_once(monkeypatch):
    first = linear._packing_pays(torch.float32)
    monkeypatch.setattr(linear, "_packed", None)
    assert linear._packing_pays(torch.float32) == first
