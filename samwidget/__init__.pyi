from .compat import to_sam_dicts as to_sam_dicts
from .core import FoundObject as FoundObject
from .core import Masks as Masks
from .core import Prompt as Prompt
from .core import SegmentedObject as SegmentedObject
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
from .errors import SessionError as SessionError
from .errors import UnsupportedModelError as UnsupportedModelError
from .formats.azure_ml import read_predictions as read_predictions
from .images import load_rgb as load_rgb
from .models import MODELS as MODELS
from .predict import SamPredictor as SamPredictor
from .predict.everything import generate_masks as generate_masks
from .serving import score as score
from .widget import SamWidget as SamWidget

__version__: str
