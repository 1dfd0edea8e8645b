"""Write sentari/inventory/spdx_ids.py from the list that CycloneDX's schema takes ids from.

Usage: python -m tools.spdx_ids tests/data/cyclonedx/spdx.SNAPSHOT.schema.json
"""

import json
import sys
import textwrap
from pathlib import Path

TARGET = Path(__file__).parent.parent / "sentari" / "inventory" / "spdx_ids.py"
_HEAD = '''"""The ids of the SPDX license list ({version}), exceptions included. PURE.

Made by tools/spdx_ids.py; the list itself is in the public domain (CC0-1.0).
"""

_NAMES = """
{names}
"""
SPDX_IDS = frozenset(_NAMES.split())
'''


def render(schema: str) -> str:
    """Return the module's text for the text of spdx.schema.json."""
    document = json.loads(schema)
    names = " ".join(sorted(document["enum"], key=str.lower))
    lines = textwrap.wrap(names, 100, break_on_hyphens=False, break_long_words=False)
    return _HEAD.format(version=document["$comment"], names="\n".join(lines))


if __name__ == "__main__":
    TARGET.write_text(render(Path(sys.argv[1]).read_text()))
