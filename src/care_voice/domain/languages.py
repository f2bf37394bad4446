"""The languages that Whisper models know: code -> English name in lower case, as the OpenAI API reports it.

Codes are ISO-639-1 where there is one, else ISO-639-3 (haw, yue); `jw` is Whisper's own code for Javanese.
"""

from __future__ import annotations

_TABLE = """
af afrikaans|am amharic|ar arabic|as assamese|az azerbaijani|ba bashkir|be belarusian|bg bulgarian|bn bengali
bo tibetan|br breton|bs bosnian|ca catalan|cs czech|cy welsh|da danish|de german|el greek|en english
es spanish|et estonian|eu basque|fa persian|fi finnish|fo faroese|fr french|gl galician|gu gujarati|ha hausa
haw hawaiian|he hebrew|hi hindi|hr croatian|ht haitian creole|hu hungarian|hy armenian|id indonesian
is icelandic|it italian|ja japanese|jw javanese|ka georgian|kk kazakh|km khmer|kn kannada|ko korean|la latin
lb luxembourgish|ln lingala|lo lao|lt lithuanian|lv latvian|mg malagasy|mi maori|mk macedonian|ml malayalam
mn mongolian|mr marathi|ms malay|mt maltese|my myanmar|ne nepali|nl dutch|nn nynorsk|no norwegian|oc occitan
pa punjabi|pl polish|ps pashto|pt portuguese|ro romanian|ru russian|sa sanskrit|sd sindhi|si sinhala|sk slovak
sl slovenian|sn shona|so somali|sq albanian|sr serbian|su sundanese|sv swedish|sw swahili|ta tamil|te telugu
tg tajik|th thai|tk turkmen|tl tagalog|tr turkish|tt tatar|uk ukrainian|ur urdu|uz uzbek|vi vietnamese
yi yiddish|yo yoruba|zh chinese|yue cantonese
"""

UNDETERMINED = "und"
"""ISO 639-2 code for the language of a recording in which nobody speaks."""

LANGUAGES: dict[str, str] = dict(
    entry.split(" ", maxsplit=1) for line in _TABLE.strip().splitlines() for entry in line.split("|")
)


def language_name(code: str) -> str:
    """English name of a language code, or the code itself where it is not in the table."""
    return LANGUAGES.get(code, code)


def language_advice(code: str) -> str:
    """What is wrong with a code that is not in the table, and which one may be meant."""
    primary = code.lower().split("-")[0].split("_")[0]
    if primary in LANGUAGES:
        return f"'{code}' is not a language code here; use '{primary}'"
    by_name = {name: key for key, name in LANGUAGES.items()}
    if code.lower() in by_name:
        return f"'{code}' is a name; use the code '{by_name[code.lower()]}'"
    return f"'{code}' is not a language that this service knows; use an ISO-639-1 code such as 'zh' or 'en'"
