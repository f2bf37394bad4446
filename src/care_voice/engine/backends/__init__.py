"""The only place that imports an ML library."""
