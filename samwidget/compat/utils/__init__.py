"""The reference has ``ResizeLongestSide`` in a package of this name, and its users import it from there."""
