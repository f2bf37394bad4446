"""axe-core in a page of any engine: what of WCAG 2.2 AA a machine can see."""

from __future__ import annotations

import json
from pathlib import Path

from support.browsers import Tab

SOURCE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_RUN = f"""axe.run(document, {{ runOnly: {json.dumps(TAGS)}, resultTypes: ["violations"] }}).then((found) => {{
    const why = (node) => [...node.any, ...node.all, ...node.none].map((one) => one.message).join("; ");
    const told = (rule) => rule.nodes.map((node) => `${{rule.id}}: ${{node.target.join(" ")}}: ${{why(node)}}`);
    return found.violations.flatMap(told);
}})"""


def violations(tab: Tab) -> list[str]:
    """Each fault with its rule, its place and what is wrong."""
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(f"(() => {{ {SOURCE.read_text(encoding='utf-8')}\nreturn true; }})()")
    found: list[str] = tab.evaluate(_RUN)
    return found
