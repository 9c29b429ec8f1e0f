"""Reports: pages that are written rather than served."""
