"""The kernel's half of the screen: traits and messages in front, document, network and pictures behind."""
