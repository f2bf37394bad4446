"""Where model files come from. No source is trusted: every byte goes through `care_voice.models.rules`."""
