"""Worker processes: their protocol (imported by the parent), their main loop and their backends (never by the parent)."""
