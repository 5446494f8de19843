from .adapters.mlflow_model import save_mlflow_model as save_mlflow_model
from .http.auth import choose_key as choose_key
from .http.server import listen as listen
from .http.server import run_server as run_server
from .http.service import open_service as open_service
from .limits import Limits as Limits
from .scoring import score as score
