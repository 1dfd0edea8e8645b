"""An app of this process as a browser sees it: its clock and its vendor are the test's."""

from urllib.parse import urlsplit

from flask.testing import FlaskClient
from playwright.sync_api import BrowserContext, Route

URL = "http://localhost"


def serve(context: BrowserContext, client: FlaskClient) -> None:
    """Answer every request of a browser with the client's, headers and policy included."""

    def answer(route: Route) -> None:
        asked = route.request
        parts = urlsplit(asked.url)
        found = client.open(
            parts.path,
            query_string=parts.query,
            method=asked.method,
            data=asked.post_data_buffer,
            headers={name: asked.headers[name] for name in _TAKEN if name in asked.headers},
            buffered=True,
        )
        route.fulfill(status=found.status_code, headers=dict(found.headers), body=found.get_data())

    context.route(f"{URL}/**", answer)


_TAKEN = ("accept", "content-type", "referer")
