from .click_simulator import robot_click as robot_click
