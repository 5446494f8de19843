"""A GPU gives the masks of the CPU, also where a graph of the GPU's work is replayed. Needs CUDA."""

import numpy as np
import pytest
import torch

from samwidget.core.prompt import make_prompt
from samwidget.models.loader import load
from samwidget.models.sam import cuda_graph
from tests.models.sam.true_size_sam import save_sam

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")


@pytest.fixture(scope="module")
def segmenters(tmp_path_factory):
    folder = save_sam(tmp_path_factory.mktemp("sam"))
    return [load(folder, device=device, dtype="float32") for device in ("cuda", "cpu")]


@pytest.fixture(scope="module")
def embeddings(segmenters):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (300, 500, 3), dtype=np.uint8) for _ in range(3)]
    return [[segmenter.encode(image) for image in images] for segmenter in segmenters]


def assert_equal(segmenters, embeddings, image, prompts, multimask_output):
    on_gpu, on_cpu = (
        segmenter.decode(of_device[image], prompts, multimask_output=multimask_output)
        for segmenter, of_device in zip(segmenters, embeddings, strict=True)
    )
    assert (on_gpu[0].cpu() - on_cpu[0]).abs().max() < 2e-3 * on_cpu[0].std()
    assert (on_gpu[1].cpu() - on_cpu[1]).abs().max() < 1e-3


def prompts_of_all_forms(rng):
    points = [make_prompt(rng.uniform(0, 300, (count, 2)), np.arange(count) % 2 == 0) for count in (1, 2, 3, 7)]
    return [
        *points,
        make_prompt(box=[10, 20, 200, 250]),
        make_prompt([[50, 60]], [1], box=[10, 20, 200, 250]),
        make_prompt([[50, 60]], [1], mask=rng.normal(0, 4, (256, 256)).astype(np.float32)),
    ]


def test_embeddings(embeddings):
    for on_gpu, on_cpu in zip(*embeddings, strict=True):
        expected = on_cpu.tensors["image_embeddings"]
        # cuDNN multiplies the neck's convolutions in TF32, with ten binary digits.
        assert (on_gpu.tensors["image_embeddings"].cpu() - expected).abs().max() < 1e-2 * expected.std()


@pytest.mark.parametrize("multimask_output", [True, False])
def test_one_prompt_after_the_other_on_changing_images(segmenters, embeddings, multimask_output):
    rng = np.random.default_rng(1)
    for round_ in range(4):  # of each form the first is computed, the second captured, later ones replayed
        for number, prompt in enumerate(prompts_of_all_forms(rng)):
            assert_equal(segmenters, embeddings, (round_ + number) % 3, [prompt], multimask_output)


def test_no_more_graphs_than_planned_are_kept(segmenters):
    graphs = segmenters[0]._decoder._graphed._graphs.values()
    assert sum(graph is not None for graph in graphs) <= cuda_graph._GRAPHS_MAX


@pytest.mark.parametrize("count", [2, 31, 70])
def test_many_prompts(segmenters, embeddings, count):
    rng = np.random.default_rng(2)
    prompts = [make_prompt([point]) for point in rng.uniform(0, 300, (count, 2))]
    assert_equal(segmenters, embeddings, 0, prompts, True)


def test_results_are_fresh(segmenters, embeddings):
    prompt, other = make_prompt([[30, 40]]), make_prompt([[200, 150]])
    decode = segmenters[0].decode
    first = [decode(embeddings[0][0], [prompt], multimask_output=True) for _ in range(3)][-1]
    before = first[0].clone()
    decode(embeddings[0][0], [other], multimask_output=True)
    assert torch.equal(first[0], before)
