"""``python -m samwidget`` is the command ``samwidget``."""

from samwidget.cli import main

if __name__ == "__main__":
    main()
