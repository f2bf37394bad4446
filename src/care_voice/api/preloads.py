"""What a browser is told to fetch along with a page of the app, before the app itself can say so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LOCALE_COOKIE = "care-voice.locale"
"""The language that the app spoke last in this browser (web/src/i18n/locale.ts)."""


@dataclass(frozen=True)
class Preloads:
    """Which files each page needs beside those that it names itself, and the file of each language, by address.

    The build of the app writes them down (web/build/preloads.ts). Without them pages load all the same, one file after
    the other.
    """

    pages: Mapping[str, tuple[str, ...]]
    texts: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Preloads:
        """Those of a build; none where there is no such file."""
        if not path.is_file():
            return cls({}, {})
        known = json.loads(path.read_text(encoding="utf-8"))
        return cls({page: tuple(files) for page, files in known["pages"].items()}, known["texts"])

    def links(self, page: str, locale: str) -> str:
        """The header field `Link` (RFC 8288) for a page in a language; empty where nothing is known of it."""
        texts = [self.texts[locale]] if locale in self.texts else []
        files = [*self.pages.get(page, ()), *texts]
        return ", ".join(_link(file) for file in files)


def _link(file: str) -> str:
    """What is asked for by a script is asked for across origins (CORS), and used only where this says the same."""
    if file.endswith(".css"):
        return f"<{file}>; rel=preload; as=style; crossorigin"
    return f"<{file}>; rel=modulepreload"
