"""`python -m care_voice` is `care-voice`."""

from care_voice.cli import main

if __name__ == "__main__":
    main()
