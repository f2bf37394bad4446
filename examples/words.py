"""Print every word of a recording with its time: `python examples/words.py FILE`. Needs the `openai` package."""

import os
import sys

from openai import OpenAI

client = OpenAI(base_url=os.environ.get("CARE_VOICE_URL", "http://localhost:3000") + "/v1", api_key="not-needed")

with open(sys.argv[1], "rb") as file:
    transcript = client.audio.transcriptions.create(
        model="base", file=file, response_format="verbose_json", timestamp_granularities=["word"]
    )
for word in transcript.words or []:
    print(f"{word.start:8.2f} {word.end:8.2f}  {word.word}")
