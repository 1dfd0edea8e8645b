"""Send compressed what is the same for everybody.

Pages are sent as they are, on purpose: they hold form tokens beside what their address says, and
from the sizes of compressed answers somebody who looks on could guess a token (BREACH). What is
compressed here is a file, or repeats nothing of what was asked.
"""

import gzip
from functools import lru_cache

from flask import Flask, Response, request

_TYPES = frozenset(
    {"text/css", "text/javascript", "text/html", "image/svg+xml", "application/json"}
)


def register_compression(app: Flask, *endpoints: str) -> None:
    """Compress static files, and the answers of endpoints that repeat nothing of what was asked."""
    chosen = {"static", *endpoints}

    def compress(response: Response) -> Response:
        if request.endpoint in chosen and response.mimetype in _TYPES:
            response.vary.add("Accept-Encoding")
            if response.status_code == 200 and request.accept_encodings.quality("gzip") > 0:
                _compress(response)
        return response

    app.after_request(compress)


def _compress(response: Response) -> None:
    response.direct_passthrough = False
    response.set_data(_packed(response.get_data()))
    response.headers["Content-Encoding"] = "gzip"
    if etag := response.get_etag()[0]:
        # The same file in other bytes: the tag is good for comparing the file only.
        response.set_etag(etag, weak=True)


@lru_cache(maxsize=16)
def _packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
