"""Use cases behind the API and the command line."""
