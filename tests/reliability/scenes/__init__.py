"""The scenes of ``faults``: one module for each part of samwidget that faults are injected into."""
