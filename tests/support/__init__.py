"""What tests of several rooms share. Imported as `support`: the `tests` folder is on the path (see pyproject.toml)."""
