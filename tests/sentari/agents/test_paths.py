import pytest

from sentari.agents.paths import AgentPaths, plain_path


@pytest.mark.parametrize(
    ("sent", "plain"),
    [
        ("/api/v1/agent/scan", "/api/v1/agent/scan"),
        ("//api/v1/agent/scan", "/api/v1/agent/scan"),
        ("///api/v1/agent/scan", "/api/v1/agent/scan"),
        ("/api/v1/agent/scan/", "/api/v1/agent/scan"),
        ("//api/v1/agent/scan//", "/api/v1/agent/scan"),
        ("/api/v1/agent/", "/api/v1/agent/"),
        ("//evil.example/", "//evil.example/"),
        ("/devices/", "/devices/"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_only_agents_paths_are_made_plain(sent, plain):
    assert plain_path(sent) == plain


def test_the_middleware_passes_the_plain_path_on():
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        return [b"ok"]

    assert AgentPaths(app)({"PATH_INFO": "//api/v1/agent/config/", "X": 1}, None) == [b"ok"]
    assert seen == {"PATH_INFO": "/api/v1/agent/config", "X": 1}
