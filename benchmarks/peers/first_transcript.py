"""The least that a script with faster-whisper can do: import, load, decode one clip, print the words.

python first_transcript.py MODEL_DIR THREADS CLIP
"""

import sys

from faster_whisper import WhisperModel

model_dir, threads, clip = sys.argv[1:]
model = WhisperModel(model_dir, "cpu", compute_type="int8", cpu_threads=int(threads))
segments, _ = model.transcribe(clip, language="en", beam_size=5)
print("".join(segment.text for segment in segments), flush=True)
