"""What may stand in a text that people enter. PURE."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def has_control(text: str) -> bool:
    """Tell whether the text has a line break, a control character or a lone surrogate."""
    return bool(_CONTROL.search(text))
