"""Structured logs and metrics. Neither ever holds a word of a transcript, a prompt or a file's name."""
