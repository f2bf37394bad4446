"""The one entrance: HAProxy before the slots of the service. `docs/entrance.md` says what it does and why.

`keeper.Entrance` keeps it, `settings.EntranceSettings` are its settings, `stats.ServerStats` its figures. Nothing is
imported here, since the settings are read at the start of the service, which is waited for.
"""
