"""Small networks of SAM 3, made once a session. It came to transformers with version 5, and samwidget runs with 4."""

import pytest
import transformers

from tests.models.sam3.tiny_sam3 import save_sam3, save_words

collect_ignore_glob = [] if hasattr(transformers, "Sam3LiteTextModel") else ["test_*.py"]


@pytest.fixture(scope="session")
def sam3_folder(tmp_path_factory):
    return save_sam3(tmp_path_factory.mktemp("sam3-video"))


@pytest.fixture(scope="session")
def words_folders(tmp_path_factory):
    """By ``model_type``."""
    return {
        "sam3": save_words(tmp_path_factory.mktemp("sam3-words")),
        "sam3_lite_text": save_words(tmp_path_factory.mktemp("sam3-lite"), is_lite=True),
    }
