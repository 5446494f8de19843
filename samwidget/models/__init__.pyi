from .device import choose_device as choose_device
from .loader import load as load
from .registry import BUNDLED_FOLDER as BUNDLED_FOLDER
from .registry import MODELS as MODELS
from .registry import is_here as is_here
from .segmenter import Embedding as Embedding
from .segmenter import EverythingDefaults as EverythingDefaults
from .segmenter import Segmenter as Segmenter
