from .azure_entry_script import init as init
from .azure_entry_script import run as run
from .mlflow_model import MaskGeneration as MaskGeneration
