"""The models that samwidget knows by name, and where their weights are.

Other checkpoints of these families load too: ``loader`` decides by their config, not by this list. No torch here, so
that the command line lists models at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BUNDLED_FOLDER = Path(__file__).parent / "nano/bundled"
BUNDLED_NAME = "nano"
PROMPTS = ("points", "box", "mask")


@dataclass(frozen=True)
class ModelCard:
    """What a user wants to know before loading a model.

    Attributes:
        name: the value of ``model=`` that loads it.
        repo: its id on the Hugging Face hub; None where it is not there.
        family: the implementation that runs it, such as ``nano``, ``sam`` or ``sam2``.
        size_mb: megabytes of its weights file.
        licence: of the weights.
        is_gated: whether the hub asks for an account first.
        prompts: the parts of a prompt that it can use; ``text`` where it finds what words describe.
        file: of an official package, which holds the weights in ``repo``; None where they are beside ``config.json``.
        is_bundled: whether its weights come with samwidget, in ``BUNDLED_FOLDER``.
    """

    name: str
    repo: str | None
    family: str
    size_mb: float
    licence: str
    is_gated: bool = False
    prompts: tuple[str, ...] = PROMPTS
    file: str | None = None
    is_bundled: bool = False


def _hub_card(repo: str, size_mb: float, prompts: tuple[str, ...] = PROMPTS, family: str = "sam") -> ModelCard:
    return ModelCard(repo, repo, family, size_mb, "Apache-2.0", prompts=prompts)


MODELS: tuple[ModelCard, ...] = (
    ModelCard(BUNDLED_NAME, None, "nano", 9.7, "Apache-2.0", is_bundled=True),
    _hub_card("facebook/sam-vit-base", 375),
    _hub_card("facebook/sam-vit-large", 1250),
    _hub_card("facebook/sam-vit-huge", 2564),
    _hub_card("syscv-community/sam-hq-vit-base", 379, family="sam_hq"),
    _hub_card("syscv-community/sam-hq-vit-large", 1255, family="sam_hq"),
    _hub_card("syscv-community/sam-hq-vit-huge", 2571, family="sam_hq"),
    _hub_card("facebook/sam2.1-hiera-tiny", 156, family="sam2"),
    _hub_card("facebook/sam2.1-hiera-small", 184, family="sam2"),
    _hub_card("facebook/sam2.1-hiera-base-plus", 323, family="sam2"),
    _hub_card("facebook/sam2.1-hiera-large", 898, family="sam2"),
    ModelCard("facebook/sam3", "facebook/sam3", "sam3", 3440, "SAM License", is_gated=True, prompts=(*PROMPTS, "text")),
    _hub_card("Zigeng/SlimSAM-uniform-50", 112),
    _hub_card("Zigeng/SlimSAM-uniform-77", 39),
    _hub_card("wanglab/medsam-vit-base", 375, prompts=("box",)),  # trained on boxes in medical images
    # Its page on the hub says MIT, the authors' repository Apache-2.0.
    ModelCard("dhkim2810/MobileSAM", "dhkim2810/MobileSAM", "mobile_sam", 40.7, "MIT", file="mobile_sam.pt"),
    ModelCard("xinghaochen/tinysam", "xinghaochen/tinysam", "mobile_sam", 40.7, "Apache-2.0", file="tinysam.pth"),
)


def is_here(card: ModelCard) -> bool:
    """Whether the model loads without a connection: it is bundled, or in the hub's local cache."""
    if card.is_bundled:
        return (BUNDLED_FOLDER / "config.json").is_file()
    return card.repo is not None and is_repo_here(card.repo)


def weights_file_of(repo: str) -> str | None:
    """The file of an official package that holds the weights of a hub id; None where they are beside its config."""
    return next((card.file for card in MODELS if card.repo == repo), None)


def is_repo_here(repo: str) -> bool:
    """Whether all that loads the model of a hub id is in the hub's local cache: config and weights, or one file."""
    file = weights_file_of(repo)
    if file is not None:
        return _is_file_here(repo, file)
    weights = ("model.safetensors", "pytorch_model.bin")
    return _is_file_here(repo, "config.json") and any(_is_file_here(repo, name) for name in weights)


def _is_file_here(repo: str, file: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repo, file), str)
