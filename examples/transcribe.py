"""Print what is said in a recording: `python examples/transcribe.py FILE`. Needs the `openai` package."""

import os
import sys

from openai import OpenAI

client = OpenAI(base_url=os.environ.get("CARE_VOICE_URL", "http://localhost:3000") + "/v1", api_key="not-needed")

with open(sys.argv[1], "rb") as file:
    print(client.audio.transcriptions.create(model="base", file=file).text)
