"""The HTTP server behind ``samwidget serve``. Its public names are in ``samwidget.serving``."""
