from .adapters.mlflow_model import save_mlflow_model as save_mlflow_model
from .http.auth import choose_key as choose_key
from .limits import Limits as Limits
from .scoring import score as score
