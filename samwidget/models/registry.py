"""The networks that samwidget knows by name. Other SAM v1 checkpoints load too: the config decides, not this list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BUNDLED_FOLDER = Path(__file__).parent / "nano/bundled"
BUNDLED_NAME = "nano"


@dataclass(frozen=True)
class ModelCard:
    """What one wants to know before loading a network.

    Attributes:
        name: what ``model=`` takes.
        repo: where it comes from on the Hugging Face hub; None for the bundled network.
        family: which of our adapters drives it.
        size_mb: megabytes of its weights file.
        licence: of the weights.
        is_gated: whether the hub asks for an account first.
        prompts: what it understands.
    """

    name: str
    repo: str | None
    family: str
    size_mb: float
    licence: str
    is_gated: bool = False
    prompts: tuple[str, ...] = ("points", "box", "mask")


def _hub(repo: str, size_mb: float, prompts: tuple[str, ...] = ("points", "box", "mask")) -> ModelCard:
    return ModelCard(repo, repo, "sam", size_mb, "Apache-2.0", prompts=prompts)


MODELS: tuple[ModelCard, ...] = (
    ModelCard(BUNDLED_NAME, None, "nano", 10.7, "Apache-2.0"),
    _hub("facebook/sam-vit-base", 375),
    _hub("facebook/sam-vit-large", 1250),
    _hub("facebook/sam-vit-huge", 2564),
    _hub("Zigeng/SlimSAM-uniform-50", 112),
    _hub("Zigeng/SlimSAM-uniform-77", 39),
    _hub("wanglab/medsam-vit-base", 375, prompts=("box",)),  # trained on boxes of medical images
)


def is_here(card: ModelCard) -> bool:
    """Whether the network loads without a connection: bundled, or in the hub's local cache."""
    if card.repo is None:
        return (BUNDLED_FOLDER / "config.json").is_file()
    from huggingface_hub import try_to_load_from_cache

    weights = ("model.safetensors", "pytorch_model.bin")
    config, *found = [try_to_load_from_cache(card.repo, file) for file in ("config.json", *weights)]
    return isinstance(config, str) and any(isinstance(path, str) for path in found)
