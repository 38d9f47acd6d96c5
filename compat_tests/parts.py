"""Parts of pages of docs/ that scripts write, from `<!-- name -->` to `<!-- end of name -->`."""

from __future__ import annotations

import re
from pathlib import Path


def write_part(page: Path, name: str, text: str) -> None:
    """Put `text` in the place of a part; LookupError where the page has none of that name."""
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    whole = page.read_text(encoding="utf-8")
    pattern = re.compile(f"({re.escape(start)})(.*?)({re.escape(end)})", re.DOTALL)
    if not pattern.search(whole):
        raise LookupError(f"{page} has no part {start.strip()}.")
    page.write_text(
        pattern.sub(lambda match: match[1] + text.strip() + "\n" + match[3], whole),
        encoding="utf-8",
    )
