"""Sam: several images at once, its parts by themselves, its weights, a training; side by side with the reference."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from samwidget import compat
from samwidget.errors import ModelError, SamWidgetError
from tests.compat.side_by_side import assert_same

POINT = {"point_coords": np.array([[20, 15]]), "point_labels": np.array([1])}


def close(value, other, relative=1e-4):
    assert value.shape == other.shape
    assert value.dtype == other.dtype
    assert (value - other).abs().max() < relative * other.std()


def test_several_images_at_once(pair, photo):
    """The last part of the predictor notebook."""
    images = photo(150, 200), photo(90, 60, seed=2)
    boxes = torch.tensor([[10, 20, 100, 90], [60, 60, 190, 140]]), torch.tensor([[5, 5, 50, 60]])

    def outputs(package, sam):
        transform = package.ResizeLongestSide(sam.image_encoder.img_size)

        def prepare(image):
            image = torch.as_tensor(transform.apply_image(image), device=sam.device)
            return image.permute(2, 0, 1).contiguous()

        batch = [
            {
                "image": prepare(image),
                "boxes": transform.apply_boxes_torch(image_boxes, image.shape[:2]),
                "original_size": image.shape[:2],
            }
            for image, image_boxes in zip(images, boxes, strict=True)
        ]
        batch[1]["point_coords"] = transform.apply_coords_torch(torch.tensor([[[20.0, 30.0]]]), (90, 60))
        batch[1]["point_labels"] = torch.tensor([[1]])
        return sam(batch, multimask_output=False)

    ours, official = outputs(pair.ours, pair.sam), outputs(pair.official, pair.official_sam)
    assert [list(output) for output in ours] == [list(output) for output in official]
    for output, other in zip(ours, official, strict=True):
        assert_same(tuple(output.values()), tuple(other.values()))


@torch.no_grad()
def test_the_parts_one_after_the_other(pair, photo):
    """As programs do that were fine-tuned on boxes, such as MedSAM."""
    side = pair.sam.image_encoder.img_size
    image = torch.as_tensor(photo(side, side)).permute(2, 0, 1)[None] / 255.0

    def outputs(sam):
        features = sam.image_encoder(image)
        sparse, dense = sam.prompt_encoder(points=None, boxes=torch.tensor([[[10.0, 20, 200, 150]]]), masks=None)
        logits, scores = sam.mask_decoder(
            image_embeddings=features,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        return features, sparse, dense, logits, scores, sam.postprocess_masks(logits, (side, side), (300, 400))

    for value, other in zip(outputs(pair.sam), outputs(pair.official_sam), strict=True):
        assert value.requires_grad == other.requires_grad
        if other.numel() > 1:
            close(value, other, 1e-3)
        else:
            torch.testing.assert_close(value, other, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("prompt", ["points", "points and boxes", "masks", "points and masks", "nothing"])
@torch.no_grad()
def test_embeddings_of_prompts(small, prompt):
    arguments = {
        "points": (torch.tensor([[[10.0, 20], [0, 0]], [[30, 40], [5, 6]]]), torch.tensor([[1, -1], [0, 1]])),
        "boxes": torch.tensor([[10.0, 20, 200, 150], [1, 2, 3, 4]]),
        "masks": torch.linspace(-5, 5, 2 * 64 * 64).reshape(2, 1, 64, 64),
    }
    arguments = {name: value if name in prompt else None for name, value in arguments.items()}
    for value, other in zip(
        small.sam.prompt_encoder(**arguments), small.official_sam.prompt_encoder(**arguments), strict=True
    ):
        torch.testing.assert_close(value, other, atol=1e-5, rtol=1e-5)


def test_the_constants(small):
    ours, official = small.sam, small.official_sam
    torch.testing.assert_close(ours.pixel_mean, official.pixel_mean)
    torch.testing.assert_close(ours.pixel_std, official.pixel_std)
    assert ours.image_format == official.image_format
    assert ours.mask_threshold == official.mask_threshold
    for name in ("embed_dim", "input_image_size", "image_embedding_size", "mask_input_size"):
        assert getattr(ours.prompt_encoder, name) == getattr(official.prompt_encoder, name)
    image = torch.arange(3 * 100 * 256.0).reshape(3, 100, 256) % 255
    torch.testing.assert_close(ours.preprocess(image), official.preprocess(image))
    torch.testing.assert_close(ours.prompt_encoder.get_dense_pe(), official.prompt_encoder.get_dense_pe())


# Weights.


def test_the_weights_have_metas_names(small, tmp_path):
    ours, official = small.sam.state_dict(), small.official_sam.state_dict()
    assert ours.keys() == official.keys()
    assert all(torch.equal(ours[name], official[name]) for name in official)
    for part in ("image_encoder", "prompt_encoder", "mask_decoder"):
        names = getattr(small.official_sam, part).state_dict().keys()
        assert getattr(small.sam, part).state_dict().keys() == names
    torch.save(ours, tmp_path / "again.pth")
    small.official_sam.load_state_dict(torch.load(tmp_path / "again.pth"))
    assert {name.partition(".")[0] for name, _ in small.sam.named_parameters()} == {
        name.partition(".")[0] for name, _ in small.official_sam.named_parameters()
    }
    counts = [sum(p.numel() for p in sam.parameters() if p.requires_grad) for sam in (small.sam, small.official_sam)]
    assert counts[0] == counts[1]


class Holder(torch.nn.Module):
    """A network around the parts, as in programs for training."""

    def __init__(self, sam):
        super().__init__()
        self.image_encoder, self.mask_decoder = sam.image_encoder, sam.mask_decoder


@pytest.mark.parametrize("load", ["all", "part", "holder", "some"])
def test_other_weights(new_sam, small, photo, load):
    """After an image was set too: the next prediction uses the new ones."""
    sam = new_sam()
    predictor = compat.SamPredictor(sam)
    predictor.set_image(photo(30, 40))
    before = predictor.predict(**POINT)
    weights = {name: tensor.clone() for name, tensor in small.official_sam.state_dict().items()}
    tokens = weights["mask_decoder.mask_tokens.weight"]
    tokens += 1
    part = {name[13:]: tensor for name, tensor in weights.items() if name.startswith("mask_decoder.")}
    if load == "all":
        assert str(sam.load_state_dict(weights)) == "<All keys matched successfully>"
    elif load == "part":
        sam.mask_decoder.load_state_dict(part)
    elif load == "holder":
        Holder(sam).load_state_dict({n: t for n, t in weights.items() if not n.startswith("prompt_encoder")})
    else:
        result = sam.load_state_dict({"mask_decoder.mask_tokens.weight": tokens}, strict=False)
        assert len(result.missing_keys) > 100
    official = small.official.SamPredictor(small.official_sam)
    memory = small.official_sam.mask_decoder.mask_tokens.weight.detach().clone()
    try:
        small.official_sam.load_state_dict(weights)
        official.set_image(photo(30, 40))
        after = predictor.predict(**POINT)
        assert np.abs(after[2] - before[2]).max() > 0.01
        assert_same(after, official.predict(**POINT))
    finally:
        with torch.no_grad():
            small.official_sam.mask_decoder.mask_tokens.weight.copy_(memory)


def test_weights_that_do_not_fit(new_sam, small):
    sam, weights = new_sam(), small.official_sam.state_dict()
    before = sam.state_dict()["mask_decoder.iou_token.weight"].clone()
    for wrong in ({"module": torch.zeros(1)}, {"mask_decoder.iou_token.weight": torch.zeros(3)}):
        with pytest.raises(RuntimeError, match=next(iter(wrong))):
            sam.load_state_dict({**weights, **wrong})
    assert torch.equal(sam.state_dict()["mask_decoder.iou_token.weight"], before)


def test_a_step_of_training(new_sam, small, photo):
    """As tutorials fine-tune the decoder. Gradients and the prediction afterwards are those of the reference."""
    image = photo(256, 256)
    target = torch.zeros(1, 1, 64, 64)
    target[..., 10:40, 20:50] = 1

    def step(sam):
        pixels = torch.as_tensor(image).permute(2, 0, 1)[None].float()
        with torch.no_grad():
            features = sam.image_encoder(sam.preprocess(pixels))
            sparse, dense = sam.prompt_encoder(points=None, boxes=torch.tensor([[80.0, 40, 200, 160]]), masks=None)
        sam.train()
        logits, _ = sam.mask_decoder(
            image_embeddings=features,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        loss = F.binary_cross_entropy_with_logits(logits, target)
        optimiser = torch.optim.SGD(sam.mask_decoder.parameters(), lr=0.01)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        sam.eval()
        return loss.item()

    from tests.predict.everything.official_everything import two_small_sams

    sam, official_sam = new_sam(), two_small_sams()[1]
    predictor, official = compat.SamPredictor(sam), small.official.SamPredictor(official_sam)
    predictor.set_image(image)
    before = predictor.predict(**POINT)
    for _ in range(2):
        np.testing.assert_allclose(step(sam), step(official_sam), rtol=1e-3)
    official.set_image(image)
    after = predictor.predict(**POINT)
    assert np.abs(after[2] - before[2]).max() > 0.01
    assert_same(after, official.predict(**POINT))


def test_gradients_reach_the_image_encoder(new_sam, small):
    sam = new_sam()
    pixels = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    for model in (sam, small.official_sam):
        model.image_encoder(pixels).square().mean().backward()
    gradients = [
        dict(model.image_encoder.named_parameters())[name].grad
        for model, name in ((sam, "vision_encoder.pos_embed"), (small.official_sam, "pos_embed"))
    ]
    close(*gradients, 1e-3)
    for model in (sam, small.official_sam):
        model.zero_grad()


# A module of torch.


def test_it_moves_as_a_module(new_sam, photo):
    sam = new_sam()
    assert isinstance(sam, torch.nn.Module)
    assert sam.to(device="cpu") is sam.cpu() is sam.float() is sam.eval() is sam
    assert sam.device == next(sam.parameters()).device == torch.device("cpu")
    predictor = compat.SamPredictor(sam)
    predictor.set_image(photo(30, 40))
    signature = sam.predictor.signature
    sam.to("cpu")
    predictor.predict(**POINT)
    assert sam.current_predictor.signature == signature


@pytest.mark.parametrize("cast", [lambda sam: sam.half(), lambda sam: sam.to(torch.bfloat16), lambda sam: sam.double()])
def test_other_precisions_are_refused(new_sam, cast):
    sam = new_sam()
    with pytest.raises(ModelError, match="compat computes in float32") as caught:
        cast(sam)
    assert "from_pretrained" in caught.value.hint
    assert {parameter.dtype for parameter in sam.parameters()} == {torch.float32}


def test_parts_cannot_be_replaced(new_sam):
    sam = new_sam()
    for part in ("image_encoder", "prompt_encoder", "mask_decoder"):
        with pytest.raises(RuntimeError, match=f"{part} cannot be replaced") as caught:
            setattr(sam, part, torch.nn.Identity())
        assert isinstance(caught.value, SamWidgetError)


def test_a_model_that_is_not_sam():
    sam = compat.sam_model_registry["nano"]()
    assert not list(sam.parameters())
    for call in (
        lambda: sam.preprocess(torch.zeros(3, 10, 10)),
        lambda: sam.image_encoder(torch.zeros(1, 3, 10, 10)),
        lambda: sam([{"image": torch.zeros(3, 10, 10), "original_size": (10, 10)}], multimask_output=False),
    ):
        with pytest.raises(ModelError, match="nano is not SAM"):
            call()


def test_a_copy_is_made_by_loading_again(new_sam, photo):
    import copy
    import pickle

    sam = new_sam()
    predictor = compat.SamPredictor(sam)
    predictor.set_image(photo(30, 40))
    expected = predictor.predict(**POINT)
    for other in (copy.deepcopy(sam), pickle.loads(pickle.dumps(sam))):
        another = compat.SamPredictor(other)
        another.set_image(photo(30, 40))
        for array, value in zip(another.predict(**POINT), expected, strict=True):
            np.testing.assert_array_equal(array, value)
    with torch.no_grad():
        sam.mask_decoder.mask_decoder.iou_token.weight.add_(1)
    with pytest.raises(TypeError, match="save its state_dict"):
        copy.deepcopy(sam)
