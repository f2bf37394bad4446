"""What Care Voice talks about: transcripts, subtitles, languages, errors. Standard library only."""
