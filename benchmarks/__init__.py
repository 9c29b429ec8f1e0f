"""The measured promises, runnable: `python -m benchmarks.NAME --json` prints one JSON line last."""
