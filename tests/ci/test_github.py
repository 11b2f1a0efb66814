"""The client of GitHub's API, the real one, against a stand-in that answers as GitHub does."""

import hashlib
import subprocess

import pytest

from teahouse.ci import github
from teahouse.ci.github import Api, GitHubNotReachable, GitHubSaid, Wish

from .stand_in import REPO, TOKEN, Standing


@pytest.fixture
def hub():
    with Standing() as standing:
        yield standing


@pytest.fixture
def api(hub):
    with Api(hub.environment(), wait=lambda seconds: waits.append(seconds)) as client:
        waits.clear()
        yield client


waits: list[float] = []


@pytest.fixture
def bundle(tmp_path):
    path = tmp_path / "warmth.teahouse"
    path.write_bytes(b"a bundle" * 1000)
    return path


def test_a_repository_without_releases_has_no_newest_one(api):
    assert api.newest(REPO) is None


def test_the_newest_is_the_last_published_that_holds_a_bundle_of_the_app(hub, api):
    hub.add_release("new", {"warmth.teahouse": b"2"}, "2026-03-02T00:00:00Z")
    hub.add_release("old, listed later", {"warmth.teahouse": b"1"}, "2026-03-01T00:00:00Z")
    hub.add_release("of another app", {"teapots.teahouse": b"3"}, "2026-03-03T00:00:00Z")
    hub.add_release("no bundle", {"notes.txt": b"4"}, "2026-03-04T00:00:00Z")
    hub.add_release("draft", {"warmth.teahouse": b"5"}, "2026-03-05T00:00:00Z", draft=True)
    hub.add_release("pre", {"warmth.teahouse": b"6"}, "2026-03-06T00:00:00Z", prerelease=True)
    assert api.newest(REPO, "warmth").tag == "new"
    assert api.newest(REPO).tag == "of another app"
    assert api.newest(REPO, "warm") is None
    assert [one.tag for one in api.bundles(REPO, "warmth")] == ["old, listed later", "new"]


def test_a_bundle_is_found_behind_a_hundred_other_releases(hub, api):
    hub.add_release("first", {"warmth.teahouse": b"1"}, "2026-01-01T00:00:00Z")
    for number in range(120):
        hub.add_release(f"library {number}", {}, "2026-02-01T00:00:00Z")
    assert api.newest(REPO, "warmth").tag == "first"


def test_a_bundle_is_found_behind_a_thousand_other_releases(hub, api):
    hub.add_release("first", {"warmth.teahouse": b"1"}, "2026-01-01T00:00:00Z")
    for number in range(1000):
        hub.add_release(f"library {number}", {}, "2026-02-01T00:00:00Z")
    assert api.newest(REPO, "warmth").tag == "first"


def test_where_github_lists_no_more_that_is_said_and_nothing_is_taken_for_missing(hub, api, monkeypatch):
    monkeypatch.setattr(github, "PAGES", 2)
    for number in range(200):
        hub.add_release(f"library {number}", {}, "2026-02-01T00:00:00Z")
    with pytest.raises(GitHubSaid, match="200 entries or more"):
        api.bundles(REPO, "warmth")


def test_a_download_is_what_was_uploaded_and_the_token_stays_with_github(hub, api, tmp_path):
    hub.add_release("one", {"warmth.teahouse": b"the bytes"}, "2026-03-01T00:00:00Z")
    asset = api.newest(REPO, "warmth")
    assert asset.digest == hashlib.sha256(b"the bytes").hexdigest()
    told = []
    path = api.download(REPO, asset, tmp_path / "deep" / "w.teahouse", lambda done, of: told.append((done, of)))
    assert path.read_bytes() == b"the bytes" and told == [(9, 9)]
    tokens = {path: told for _, path, told in hub.asked}
    assert tokens[f"/repos/{REPO}/releases/assets/{asset.id}"] == f"Bearer {TOKEN}"
    assert tokens[f"/blob/{asset.id}"] == "", "the store elsewhere must not see the token"


@pytest.mark.parametrize("other", [b"the bytes?", b"the byte", b"THE BYTES"])
def test_a_download_that_is_not_what_was_told_leaves_nothing(hub, api, tmp_path, other):
    hub.add_release("one", {"warmth.teahouse": b"the bytes"}, "2026-03-01T00:00:00Z")
    asset = api.newest(REPO)
    hub.data[asset.id] = other
    with pytest.raises(GitHubSaid):
        api.download(REPO, asset, tmp_path / "w.teahouse")
    assert list(tmp_path.iterdir()) == []


def test_a_release_is_published_only_with_its_bundle_on_it(hub, api, bundle):
    page = api.release(REPO, Wish("warmth-1", "Warmth 1", "Better.", "a" * 40), bundle)
    (row,) = hub.releases
    assert page == row["html_url"] and row["draft"] is False and row["target_commitish"] == "a" * 40
    assert hub.bundle() == bundle.read_bytes() and row["body"] == "Better." and row["make_latest"] == "true"
    told = [(method, path) for method, path, _ in hub.asked if method != "GET"]
    assert told == [
        ("POST", f"/repos/{REPO}/releases"),
        ("POST", f"/uploads/{row['id']}"),
        ("PATCH", f"/repos/{REPO}/releases/{row['id']}"),
    ]


def test_the_same_release_again_changes_nothing(hub, api, bundle):
    first = api.release(REPO, Wish("warmth-1", "Warmth 1", ""), bundle)
    before = len([1 for method, _, _ in hub.asked if method != "GET"])
    assert api.release(REPO, Wish("warmth-1", "Warmth 1", ""), bundle) == first
    assert len([1 for method, _, _ in hub.asked if method != "GET"]) == before and len(hub.releases) == 1


def test_another_bundle_under_the_same_tag_is_refused(hub, api, bundle):
    api.release(REPO, Wish("warmth-1", "Warmth 1", ""), bundle)
    bundle.write_bytes(b"other bytes")
    with pytest.raises(GitHubSaid, match="already"):
        api.release(REPO, Wish("warmth-1", "Warmth 1", ""), bundle)
    assert hub.bundle() == b"a bundle" * 1000


def test_what_was_left_behind_by_a_cut_off_try_is_taken_away(hub, api, bundle):
    hub.add_release("warmth-1", {"warmth.teahouse": b"half"}, "2026-03-01T00:00:00Z", draft=True)
    api.release(REPO, Wish("warmth-1", "Warmth 1", ""), bundle)
    (row,) = hub.releases
    assert row["draft"] is False and hub.bundle() == bundle.read_bytes()


def test_a_comment_is_said_once_and_then_written_anew(hub, api):
    marker = "<!-- teahouse-check warmth -->"
    first = api.comment(REPO, 7, "Rejected.", marker)
    again = api.comment(REPO, 7, f"{marker}\nPromoted.", marker)
    (row,) = hub.comments[7]
    assert first == again == row["html_url"] and row["body"] == f"{marker}\nPromoted."
    api.comment(REPO, 7, "Of another app.", "<!-- teahouse-check teapots -->")
    assert len(hub.comments[7]) == 2


def test_what_a_person_wrote_is_never_written_over(hub, api):
    marker = "<!-- teahouse-check warmth -->"
    hub.comments[7] = [{"id": 99, "body": f"{marker} mine", "user": {"type": "User", "login": "guest"}, "html_url": ""}]
    api.comment(REPO, 7, "Rejected.", marker)
    assert hub.comments[7][0]["body"] == f"{marker} mine" and len(hub.comments[7]) == 2


def test_a_comment_is_cut_to_what_github_takes(hub, api):
    api.comment(REPO, 7, "x" * 200_000, "<!-- m -->")
    assert len(hub.comments[7][0]["body"]) < 65_536


def test_a_workflow_is_started_on_its_branch(hub, api):
    api.start(REPO, "teahouse-release.yml", "main")
    assert hub.started == [("teahouse-release.yml", "main")]


def test_reading_is_tried_again_while_github_is_busy_and_writing_is_not(hub, api, bundle):
    hub.trouble = [(502, {}), (429, {"Retry-After": "3"})]
    assert api.newest(REPO) is None and waits == [1.0, 3.0]
    hub.trouble = [(502, {})] * 4
    with pytest.raises(GitHubNotReachable, match="502"):
        api.newest(REPO)
    hub.trouble = [(502, {})]
    with pytest.raises(GitHubNotReachable):
        api.start(REPO, "teahouse-release.yml", "main")
    assert hub.started == []


def test_a_refusal_is_told_in_githubs_words_with_what_to_do(hub):
    with Api(hub.environment(GITHUB_TOKEN="ghs_without_rights")) as api, pytest.raises(GitHubSaid) as refused:
        api.comment(REPO, 7, "Rejected.", "<!-- m -->")
    assert "not accessible" in refused.value.why and "permissions" in refused.value.do_next
    assert "ghs_" not in str(refused.value.as_dict())


def test_a_token_goes_only_where_nobody_listens():
    with pytest.raises(GitHubSaid, match="not sent"):
        Api({"GITHUB_API_URL": "http://github.example", "GITHUB_TOKEN": TOKEN})


def test_nobody_there_is_said_so():
    with Api({"GITHUB_API_URL": "http://127.0.0.1:9"}, wait=lambda _: None) as api, pytest.raises(GitHubNotReachable):
        api.newest(REPO)


def test_the_repository_is_the_runners_or_the_checkouts(tmp_path):
    assert github.own_repo({"GITHUB_REPOSITORY": REPO}) == REPO
    for refused in ("no-slash", "../etc", "a/b/c", "a/b\n"):
        with pytest.raises(GitHubSaid):
            github.own_repo({"GITHUB_REPOSITORY": refused})
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    with pytest.raises(GitHubSaid, match="No repository"):
        github.own_repo({}, tmp_path)
    subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", f"git@github.com:{REPO}.git"], check=True)
    assert github.own_repo({}, tmp_path) == REPO
