"""How results leave and enter: pure functions between values of ``core`` and bytes or JSON. No widget, no network."""
