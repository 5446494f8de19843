from .inside import Step as Step
from .inside import Steps as Steps
from .inside import steps as steps
