import json
from itertools import combinations
from pathlib import Path

import numpy as np

from samwidget.core.palette import COLOURS, colour_of

SHARED = Path(__file__).parent.parent / "shared" / "palette.json"

# Machado, Oliveira, Fernandes 2009: what people without one kind of cone see, in linear RGB.
COLOUR_BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(rgb_linear):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb_linear
    f = np.cbrt(np.clip(xyz / [0.9505, 1.0, 1.089], 0, None))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def linear(colour):
    share = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def test_equals_the_shared_list():
    assert list(COLOURS) == json.loads(SHARED.read_text())


def test_the_list_repeats():
    assert colour_of(0) == "#e8590c"
    assert colour_of(len(COLOURS) + 1) == colour_of(1)


def test_colours_differ_for_everyone():
    for matrix in [np.eye(3), *map(np.array, COLOUR_BLIND.values())]:
        seen = [lab(np.clip(matrix @ linear(colour), 0, 1)) for colour in COLOURS]
        for (i, a), (j, b) in combinations(enumerate(seen), 2):
            assert np.linalg.norm(a - b) > 14, (COLOURS[i], COLOURS[j])
