"""Windows decoded by a server elsewhere that speaks the OpenAI transcription API."""
