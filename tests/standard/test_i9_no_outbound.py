"""I9: the serving packages hold no HTTP client, so that no input can make the house call out."""

import pytest

from tests.standard.source import imports, modules

CLIENTS = {
    "httpx",
    "requests",
    "aiohttp",
    "urllib.request",
    "urllib3",
    "http.client",
    "ftplib",
    "smtplib",
    "websockets",
    "obstore",
    "stripe",
    "ray",
}
ALLOWED = ("payments/stripe.py", "store/blobs.py", "engine/ray.py", "loop/notify.py", "cli/", "testing.py")
# what a maker's terminal or a runner of GitHub's does: GitHub's API, one pinned file of npm's, "does my site answer?"
ALLOWED += ("ci/github.py", "pages/runtime.py", "desk/reach.py")
TREES = [(path, tree) for path, tree in modules() if not path.startswith(ALLOWED)]


@pytest.mark.parametrize(("path", "tree"), TREES, ids=[path for path, _ in TREES])
def test_i9_no_http_client_where_visitors_are_served(path, tree):
    named = set(imports(tree))
    found = {client for client in CLIENTS if any(name == client or name.startswith(client + ".") for name in named)}
    assert not found
