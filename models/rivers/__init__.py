"""River: its estimators inside our pipeline, and our detectors behind its interface."""
