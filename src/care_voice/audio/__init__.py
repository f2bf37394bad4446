"""Sound: decoding whatever FFmpeg reads, finding speech, planning windows. Runs in worker processes only."""
