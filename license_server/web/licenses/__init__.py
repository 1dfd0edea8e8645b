"""Licenses as pages: the list, the page of one, its terms, and what is done to it."""

from license_server.web.licenses import acts, index, page, reply_file, terms
from license_server.web.licenses.blueprint import blueprint

__all__ = ["acts", "blueprint", "index", "page", "reply_file", "terms"]
