"""Phrases as the tokens that SAM 3's text encoder reads: CLIP's tokenizer, from the files of the checkpoint.

Owns how long a phrase may be. ``loader`` reads it, ``detector`` calls it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from samwidget.errors import PromptError

# To as many tokens transformers' processor fills each phrase up; a text encoder may have more positions or fewer.
_TOKENS_MAX = 32
_FILES = ("tokenizer.json", "vocab.json")


class Phrases:
    """Makes tokens of phrases.

    Args:
        tokenizer: a ``CLIPTokenizer`` of transformers.
        positions: how many the text encoder has.
    """

    def __init__(self, tokenizer: Any, positions: int) -> None:
        self._tokenizer = tokenizer
        self.tokens_max = min(_TOKENS_MAX, positions)

    @staticmethod
    def read(folder: Path, positions: int) -> Phrases | None:
        """With the tokenizer of a checkpoint; None where its folder has none."""
        if not any((folder / file).is_file() for file in _FILES):
            return None
        from transformers import CLIPTokenizer

        return Phrases(CLIPTokenizer.from_pretrained(folder, local_files_only=True), positions)

    def tokens(self, phrase: str) -> dict[str, torch.Tensor]:
        """``input_ids`` and ``attention_mask``, both (1, tokens_max) integers.

        Raises:
            PromptError: the phrase has too many tokens.
        """
        self.check(phrase)
        tokens = self._tokenizer(phrase, padding="max_length", max_length=self.tokens_max, return_tensors="pt")
        return {name: tokens[name] for name in ("input_ids", "attention_mask")}

    def check(self, phrase: str) -> None:
        """Raises PromptError where the phrase has too many tokens."""
        count = len(self._tokenizer(phrase)["input_ids"])
        if count > self.tokens_max:
            raise PromptError(
                f"the phrase has {count} tokens, the model reads {self.tokens_max}",
                hint='name the object in a few words, such as "red apple"; several phrases are a list',
            )
