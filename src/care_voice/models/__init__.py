"""Verified models: catalogue, sources, pull, verify and the content-addressed store they meet in.

Start at `build.build_puller`; what a source may be is in `sources.base`, what bytes may pass is in `rules`.
"""
