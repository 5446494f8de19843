from .click_simulator import robot_click as robot_click
from .fine_tuning.curve import CurvePoint as CurvePoint
from .fine_tuning.result import FineTuned as FineTuned
from .fine_tuning.tune import fine_tune as fine_tune
