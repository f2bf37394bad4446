"""Worker processes: the protocol, which the parent imports too; the main loop and the backends, which it never does."""
