"""SAM 2 came to transformers with version 4.56, and samwidget runs with earlier ones too."""

import transformers

collect_ignore_glob = [] if hasattr(transformers, "Sam2Model") else ["test_*.py"]
