"""Draw the icons of the installed web app from web/public/favicon.svg, with Chromium.

Run it with `.venv/bin/python scripts/write_icons.py` after the drawing has changed.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

PUBLIC = Path(__file__).resolve().parents[1] / "web" / "public"
ROUND, FULL = "round", "full"
ICONS = {
    "icon-192.png": (192, ROUND),
    "icon-512.png": (512, ROUND),
    "icon-maskable-512.png": (512, FULL),
    "apple-touch-icon.png": (180, FULL),
}
"""By name: pixels, and whether the corners are round, or cut off by whoever shows it."""
_SAFE = 0.8
"""Of a maskable icon all may be cut off but this share in the middle: https://www.w3.org/TR/appmanifest/#icon-masks"""


def drawing(svg: str, shape: str) -> str:
    """The drawing for a shape: to the edge and smaller in the middle where others cut it."""
    if shape == ROUND:
        return svg
    squared = re.sub(r' rx="\d+"', "", svg)
    shift = 16 * (1 - _SAFE)
    return squared.replace("<path ", f'<path transform="translate({shift} {shift}) scale({_SAFE})" ')


def draw(page: Page, svg: str, size: int) -> bytes:
    """A PNG of size x size pixels, transparent where nothing is drawn."""
    page.set_viewport_size({"width": size, "height": size})
    page.set_content(f"<style>*{{margin:0}}svg{{display:block;width:{size}px;height:{size}px}}</style>{svg}")
    return page.screenshot(omit_background=True)


def main() -> None:
    svg = (PUBLIC / "favicon.svg").read_text(encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        for name, (size, shape) in ICONS.items():
            (PUBLIC / name).write_bytes(draw(page, drawing(svg, shape), size))
            print(f"wrote {PUBLIC / name}", file=sys.stderr)
        browser.close()


if __name__ == "__main__":
    main()
