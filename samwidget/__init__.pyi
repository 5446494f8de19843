from .core.masks import Masks as Masks
from .core.objects import FoundObject as FoundObject
from .core.objects import SegmentedObject as SegmentedObject
from .core.prompt import Prompt as Prompt
from .errors import BatchError as BatchError
from .errors import ClosedError as ClosedError
from .errors import EndpointError as EndpointError
from .errors import FormatError as FormatError
from .errors import ImageError as ImageError
from .errors import LimitError as LimitError
from .errors import MessageError as MessageError
from .errors import ModelError as ModelError
from .errors import ModelNotFoundError as ModelNotFoundError
from .errors import PromptError as PromptError
from .errors import SamWidgetError as SamWidgetError
from .errors import SamWidgetWarning as SamWidgetWarning
from .errors import UnsupportedModelError as UnsupportedModelError
from .images.load import load_rgb as load_rgb
from .models.registry import MODELS as MODELS
from .predict.compat import to_sam_dicts as to_sam_dicts
from .predict.everything.generate import generate_masks as generate_masks
from .predict.predictor import SamPredictor as SamPredictor
from .serving.scoring import score as score
from .widget.widget import SamWidget as SamWidget

__version__: str
