"""The generated workflows, done step by step: a good change becomes a Release, a worse one is red and says why."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import teahouse
from teahouse.ci import init
from teahouse.errors import TeahouseError
from teahouse.model import archive, signing

from . import maker, wheels
from .runner import Runner, tools
from .stand_in import REPO, Standing

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
APP = "warmth"
# a first version that looks at one pixel's noise too, and is right less often of both labels alike
NOISE = "1.2 * torch.sin(photos[:, 1:2, 3, 3] * 900) * torch.tensor([1.0, 0.0, -1.0])"
WEAK = ("self.line(photos.mean((2, 3)) * 4)", f"self.line(photos.mean((2, 3)) * 4 + {NOISE})")
OPENED = {"action": "opened", "pull_request": {"number": 7, "head": {"repo": {"full_name": REPO}}}}
PUSHED = {"repository": {"private": False}, "ref_name": "main"}


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory):
    """Where a runner's pip installs to, and how it is kept off the network."""
    for name, pinned in (("ruff", init.RUFF), ("pytest", init.PYTEST)):
        try:
            here = version(name)
        except PackageNotFoundError:
            here = "none"
        if here != pinned:
            pytest.skip(f"the workflows install {name} {pinned}, and here is {here}")
    folder = tmp_path_factory.mktemp("runner")
    house = folder / "wheels"
    house.mkdir()
    wheels.of_source(ROOT / "src" / "teahouse", "teahouse", teahouse.__version__, "teahouse.cli:main", house)
    wheels.of_installed("ruff", house)
    wheels.of_installed("pytest", house)
    packages = Path(version_folder())
    return tools(folder / "venv", packages, house)


def version_folder() -> str:
    """The folder that the dependencies lie in."""
    import click

    return str(Path(click.__file__).parents[1]) if click.__file__ else sysconfig.get_paths()["purelib"]


@pytest.fixture
def github():
    with Standing() as standing:
        yield standing


@pytest.fixture
def repository(tmp_path):
    """The maker's project, weak at first, in git, with its workflows as `teahouse ci init` writes them."""
    root = maker.project(tmp_path / "project")
    maker.change(root, WEAK)
    init.write(root, init.Wish((APP,), teahouse.__version__))
    subprocess.run(["git", "init", "-q", "-b", "main", root], check=True)
    commit(root, "A first version")
    return root


@pytest.fixture
def runner(github, repository, bin_folder, tmp_path):
    place, environment = bin_folder
    variables = {"TEAHOUSE_PAGES": "off"}
    return Runner(github, repository, tmp_path / "runner", place, environment, variables)


def commit(root: Path, words: str) -> None:
    who = ["-c", "user.name=Maker", "-c", "user.email=maker@example.org"]
    subprocess.run(["git", "-C", str(root), "add", "-A"], check=True)
    subprocess.run(["git", "-C", str(root), *who, "commit", "-q", "-m", words], check=True)


def branch(root: Path, name: str, *changes: tuple[str, str]) -> None:
    """A branch with a change of train.py."""
    subprocess.run(["git", "-C", str(root), "checkout", "-q", "-b", name], check=True)
    maker.change(root, *changes)
    commit(root, name)


def merge(root: Path, name: str) -> None:
    subprocess.run(["git", "-C", str(root), "checkout", "-q", "main"], check=True)
    subprocess.run(["git", "-C", str(root), "merge", "-q", "--ff-only", name], check=True)


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_good_change_becomes_a_release_and_a_worse_one_is_red_with_its_reasons(runner, repository, github):
    key = signing.new()
    runner.secrets = {"TEAHOUSE_SIGNING_KEY": signing.text(key)}

    first = runner.run(init.RELEASE, PUSHED, "main")
    assert [job.result for job in first["release"]] == ["success"], first["candidate"][0].said
    assert len(github.published) == 1 and first["pages"][0].result == first["deploy"][0].result == "skipped"

    branch(repository, "better", (WEAK[1], WEAK[0]))
    (check,), (comment,) = runner.run(init.CHECK, OPENED, "better").values()
    assert check.result == comment.result == "success", check.said + comment.said
    (said,) = github.comments[7]
    assert "Better" in said["body"] and said["body"].startswith(f"<!-- teahouse-check {APP} -->")
    assert "Better" in runner.summary
    merge(repository, "better")
    second = runner.run(init.RELEASE, PUSHED, "main")
    assert second["candidate"][0].result == second["release"][0].result == "success", second["candidate"][0].said
    assert len(github.published) == 2
    newest = github.published[-1]
    data = github.bundle(APP)
    bundle = runner.scratch / f"{APP}.teahouse"
    bundle.write_bytes(data)
    release, manifest, signature = archive.look(bundle)
    assert manifest.app == APP and newest["tag_name"] == f"{APP}-{release[:12]}"
    assert signature["key"] == signing.public_text(key) and signature["key"] in newest["body"]
    assert newest["target_commitish"] == runner.git("rev-parse", "main")
    assert runner.attested == {bundle.name: newest["assets"][0]["digest"].removeprefix("sha256:")}

    branch(repository, "worse", maker.BACKWARDS)
    check, comment = runner.run(init.CHECK, OPENED, "worse").values()
    assert check[0].result == "failure" and comment[0].result == "success", check[0].said + comment[0].said
    (said,) = github.comments[7]
    assert "Refused" in said["body"], "the same comment, written anew"
    merge(repository, "worse")
    third = runner.run(init.RELEASE, PUSHED, "main")
    assert third["candidate"][0].result == "failure" and len(github.published) == 2
    assert "refused" in third["candidate"][0].said and github.bundle(APP) == data


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_the_newest_release_becomes_the_page(runner, repository, github, tmp_path):
    from teahouse.pages import runtime
    from teahouse.testing import tiny_release

    try:
        runtime.get()
    except TeahouseError as error:
        pytest.skip(f"what runs a model in a browser can not be had: {error}")
    tiny_release(tmp_path / "release", APP)
    archive.pack(tmp_path / "release", tmp_path / f"{APP}.teahouse", None)
    data = (tmp_path / f"{APP}.teahouse").read_bytes()
    github.add_release("warmth-1", {f"{APP}.teahouse": data}, "2026-01-01T00:00:00Z")
    runner.variables = {}
    runner.environment = {**runner.environment, "XDG_CACHE_HOME": str(runtime.cache().parents[1])}
    done = runner.run(init.RELEASE, PUSHED, "main", only={"pages", "deploy"})
    assert done["pages"][0].result == done["deploy"][0].result == "success", done["pages"][0].said
    (page,) = runner.deployed
    assert (page / "index.html").is_file() and list(page.rglob("*.onnx"))


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_forks_pull_request_gets_its_verdict_without_a_token_that_writes(runner, repository, github):
    fork = {"action": "opened", "pull_request": {"number": 8, "head": {"repo": {"full_name": "guest/warmth"}}}}
    check, comment = runner.run(init.CHECK, fork, "main").values()
    assert check[0].result == "success" and comment[0].result == "skipped"
    assert github.comments == {} and "first release" in runner.summary
    assert not any(method != "GET" for method, _, _ in github.asked)


@pytest.mark.slow
def test_code_that_can_not_work_is_red_before_anything_is_trained(runner, repository, github):
    branch(repository, "broken", ("for _ in run.epochs(EPOCHS)", "for _ in run.epochs(EPOCHES)"))
    check, comment = runner.run(init.CHECK, OPENED, "broken").values()
    assert check[0].result == "failure" and "EPOCHES" in check[0].said
    assert [step.name for step in check[0].steps if not step.ok] == ["Lint"]
    assert comment[0].result == "success" and "no verdict" in github.comments[7][0]["body"]
    assert "github.example/maker/warmth/actions/runs/1" in github.comments[7][0]["body"]


@pytest.mark.slow
def test_only_the_branch_of_releases_is_released(runner, repository, github):
    branch(repository, "other", ("EPOCHS = 6", "EPOCHS = 7"))
    done = runner.run(init.RELEASE, {**PUSHED, "ref_name": "other"}, "other")
    assert {job.result for jobs in done.values() for job in jobs} == {"skipped"} and github.releases == []


@pytest.mark.slow
def test_without_a_site_the_loop_does_nothing(runner):
    done = runner.run(init.LOOP, PUSHED, "main")
    assert {job.result for jobs in done.values() for job in jobs} == {"skipped"}


def test_a_step_that_needs_no_secret_gets_none():
    for name in init.NAMES:
        text = init.filled(name, init.Wish((APP,), "1.2.3"))
        for line in text.splitlines():
            if "secrets." in line:
                assert line.startswith("          TEAHOUSE_"), "in the environment of a single step alone"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one photo a label, in git, as the current folder."""
    root = maker.project(tmp_path / "shop", photos=1)
    subprocess.run(["git", "init", "-q", "-b", "trunk", root], check=True)
    monkeypatch.chdir(root)
    return root


def verb(*words: str) -> tuple[int, str]:
    """A verb of `teahouse ci` in this process: (exit status, what it said)."""
    from click.testing import CliRunner

    from teahouse.cli.ci import ci_verb
    from teahouse.desk.say import console
    from teahouse.errors import TeahouseError

    console.cache_clear()
    done = CliRunner().invoke(ci_verb, list(words))
    if done.exception and not isinstance(done.exception, TeahouseError | SystemExit):
        raise done.exception
    return done.exit_code, " ".join(f"{done.output} {done.exception or ''}".split())


def test_init_writes_three_workflows_that_say_what_they_are_for(project):
    status, said = verb("init")
    assert status == 0 and "Pages" in said
    for name in init.NAMES:
        text = (project / init.FOLDER / name).read_text()
        assert text.startswith("# What it is for: ") and "\n# What stops without it: " in text
        assert f"teahouse ci init`, Teahouse {teahouse.__version__}" in text and "%%" not in text
        assert f"teahouse=={teahouse.__version__}" in text or f"teahouse[train]=={teahouse.__version__}" in text
    assert "branches: [trunk]" in (project / init.FOLDER / init.CHECK).read_text()
    assert verb("init")[0] == 0, "the same again changes nothing"


def test_a_check_installs_what_its_tests_are_run_by():
    text = init.filled(init.CHECK, init.Wish((APP,), "1.2.3"))
    install, run = text.index(f'"pytest=={init.PYTEST}"'), text.index('teahouse check "$APP"')
    assert install < run


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_what_no_workflow_installed_is_not_on_the_runner(bin_folder):
    place, _ = bin_folder
    words = (
        "import importlib.util as u; print([n for n in ('pytest', '_pytest', 'ruff', 'teahouse') if u.find_spec(n)])"
    )
    fresh = place.parent.with_name("fresh")
    fresh_bin, _ = tools(fresh, Path(version_folder()), place.parent.parent / "wheels")
    done = subprocess.run([fresh_bin / "python", "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_key_is_there_only_before_anything_of_the_project_is_installed():
    text = init.filled(init.RELEASE, init.Wish((APP,), "1.2.3", requirements=True))
    assert text.index("teahouse ci pull") < text.index("-r requirements.txt") < text.index("teahouse ci candidate")
    assert "requirements.txt" not in init.filled(init.LOOP, init.Wish((APP,), "1.2.3", requirements=True))


def test_init_keeps_what_was_changed_by_hand_unless_it_is_told_otherwise(project):
    verb("init")
    path = project / init.FOLDER / init.CHECK
    mine = path.read_text().replace("timeout-minutes: 55", "timeout-minutes: 90")
    path.write_text(mine)
    status, said = verb("init")
    assert status != 0 and init.CHECK in said and path.read_text() == mine
    assert verb("init", "--force")[0] == 0 and path.read_text() != mine


def test_a_project_below_the_repositorys_top_works_in_its_folder(project):
    shutil.rmtree(project / ".git")
    subprocess.run(["git", "init", "-q", project.parent], check=True)
    assert verb("init")[0] == 0
    text = (project.parent / init.FOLDER / init.RELEASE).read_text()
    assert "working-directory: shop" in text and "path: shop/out" in text and "path: shop/public" in text


def test_a_makers_bundle_takes_the_place_of_a_training(project):
    assert verb("init", "--bundle", "warmth.teahouse")[0] != 0, "there is no such file"
    (project / "warmth.teahouse").write_bytes(b"")
    assert verb("init", "--bundle", "warmth.teahouse")[0] == 0
    assert '"$APP" --candidate warmth.teahouse --report' in (project / init.FOLDER / init.CHECK).read_text()
    assert '"$APP" --bundle warmth.teahouse --to' in (project / init.FOLDER / init.RELEASE).read_text()


def test_init_lists_what_it_wrote_and_what_it_kept(project):
    verb("init")
    (project / "warmth.teahouse").write_bytes(b"")
    said = verb("init", "--bundle", "warmth.teahouse")[1]
    assert all(name in said for name in init.NAMES) and "git init" not in said
    assert f"{init.LOOP} (kept" in said and f"{init.CHECK} (kept" not in said


def test_outside_of_a_git_repository_init_says_what_is_missing(project):
    shutil.rmtree(project / ".git")
    status, said = verb("init")
    assert status == 0 and "Not in a git repository yet" in said and "git init" in said and "remote" in said


def test_photos_that_the_runner_will_miss_are_told(project):
    (project / ".gitignore").write_text("photos/\n")
    assert "ignored by git" in verb("init")[1]
    maker.change(project, ('Folder("photos")', f'Folder("{project.parent / "elsewhere"}")'), file="app.py")
    assert "outside of the repository" in verb("init")[1]


def test_names_that_could_break_out_of_a_workflow_are_refused():
    for wish in (
        init.Wish(("a]\n  b",), "1"), init.Wish(("a",), "1", branch="main'"), init.Wish(("a",), "1", folder="../up"),
        init.Wish(("a",), "1", bundle="$(touch x).teahouse"),
    ):  # fmt: skip
        with pytest.raises(Exception, match="can not be written"):
            init.filled(init.CHECK, wish)


def test_each_project_asks_at_its_own_minute():
    assert len({init.cron(init.Wish((f"app-{number}",), "1")) for number in range(40)}) > 20


def test_every_pin_stands_in_the_docs_with_its_version():
    page = (ROOT / "docs" / "ci.md").read_text("utf-8")
    for action, (sha, number) in init.PINS.items():
        assert f"| {action} | {number} | `{sha}` |" in page


def test_a_release_says_what_a_report_says_and_nothing_of_it_is_markup(tmp_path, github, monkeypatch):
    from teahouse.ci import release
    from teahouse.testing import tiny_release

    for name, value in github.environment().items():
        monkeypatch.setenv(name, value)
    tiny_release(tmp_path / "release", APP)
    out = tmp_path / "out"
    archive.pack(tmp_path / "release", out / f"{APP}.teahouse", None)
    told = {"outcome": "promote", "reasons": [{"words": "![x](http://evil) <script> @everybody `$(id)`\n# head"}]}
    (out / f"{APP}.json").write_text(json.dumps(told))
    assert verb("release", str(out))[0] == 0
    body = github.published[0]["body"]
    assert "evil" in body and not any(word in body for word in ("![", "<script", "@everybody", "`$(id)", "\n# head"))
    assert "Not signed" in body and f"gh attestation verify {APP}.teahouse --repo {REPO}" in body
    assert release.report_beside(tmp_path / "nothing.teahouse") == {}


def test_a_release_is_put_on_only_if_the_project_trusts_who_signed_it(project, tmp_path, github, monkeypatch):
    from teahouse.testing import tiny_release

    for name, value in github.environment().items():
        monkeypatch.setenv(name, value)
    status, said = verb("champion")
    assert status == 0 and "no Release" in said
    tiny_release(tmp_path / "release", APP)
    key, other = signing.new(), signing.new()
    bundle = tmp_path / f"{APP}.teahouse"
    release = archive.pack(tmp_path / "release", bundle, other)
    github.add_release("one", {bundle.name: bundle.read_bytes()}, "2026-01-01T00:00:00Z")
    (project / signing.KEYS).write_text(f"{signing.public_text(key)} the maker\n")
    status, said = verb("champion")
    assert status != 0 and "nobody here trusts" in said and champion(project) is None
    archive.pack(tmp_path / "release", bundle, key)
    github.add_release("two", {bundle.name: bundle.read_bytes()}, "2026-01-02T00:00:00Z")
    status, said = verb("champion")
    assert status == 0 and champion(project) == release
    assert "already" in verb("champion")[1]
    assert verb("champion", "--to", str(tmp_path / "there.teahouse"))[0] == 0
    assert (tmp_path / "there.teahouse").read_bytes() == bundle.read_bytes()


@pytest.mark.parametrize("to_file", [False, True])
def test_another_apps_release_under_this_apps_name_is_refused(project, tmp_path, github, monkeypatch, to_file):
    from teahouse.testing import tiny_release

    for name, value in github.environment().items():
        monkeypatch.setenv(name, value)
    tiny_release(tmp_path / "release", "toast")
    archive.pack(tmp_path / "release", tmp_path / "toast.teahouse", None)
    github.add_release("one", {f"{APP}.teahouse": (tmp_path / "toast.teahouse").read_bytes()}, "2026-01-01T00:00:00Z")
    target = tmp_path / "there.teahouse"
    status, said = verb("champion", *(["--to", str(target)] if to_file else []))
    assert status != 0 and 'a release of "toast"' in said and f"no release of {APP}" in said
    assert champion(project) is None and not target.exists()


@pytest.fixture
def engine(monkeypatch):
    """What runs a model in a browser, in place of which a few bytes stand: no page is opened here."""
    from teahouse.pages import runtime

    monkeypatch.setattr(runtime, "get", lambda *_: runtime.Runtime({"ort.wasm.min.mjs": b""}, b"packed", 6, "0" * 64))


def test_pages_are_written_of_all_apps_that_can_have_one(project, tmp_path, github, monkeypatch, engine):
    from teahouse.testing import tiny_release

    for name, value in github.environment(GITHUB_OUTPUT=str(tmp_path / "output")).items():
        monkeypatch.setenv(name, value)
    for name in ("teapots", "hooked"):
        (project / "apps" / name).mkdir()
        (project / "apps" / name / "app.py").write_text("raise SystemExit('nothing of the project is run')\n")
    status, said = verb("pages", APP, "teapots", "hooked")
    assert status == 0 and "no Release yet" in said and "No page was written" in said
    assert (tmp_path / "output").read_text() == "written=false\n" and not (project / "public").exists()

    for number, (name, note, hooks) in enumerate(
        [("teapots", "1", []), ("teapots", "2", []), ("hooked", "", ["predict"])]
    ):
        folder, bundle = tmp_path / f"release-{number}", tmp_path / f"{name}.teahouse"
        tiny_release(folder, name, note)
        sealed(folder, hooks=hooks)
        archive.pack(folder, bundle, None)
        github.add_release(f"{name}-{note}", {bundle.name: bundle.read_bytes()}, f"2026-01-0{number + 1}T00:00:00Z")
    status, said = verb("pages", APP, "teapots", "hooked")
    assert status == 0 and "hooked has no page" in said and "@app.predict" in said and f"{APP} has no page" in said
    assert (tmp_path / "output").read_text().endswith("written=true\n")
    page = (project / "public" / "teapots" / "index.html").read_text()
    assert "Release 2" in page and [one.name for one in (project / "public").iterdir()] == ["teapots"]


def sealed(folder: Path, **changes) -> str:
    """The release sealed anew with another manifest; its id."""
    from dataclasses import replace

    from teahouse.model import bundle

    return bundle.seal(folder, replace(bundle.read(folder), files={}, **changes))


def test_a_makers_bundle_is_judged_and_goes_on_as_it_is(tmp_path, monkeypatch):
    from teahouse.testing import tiny_release

    root = maker.project(tmp_path / "shop", photos=40)
    (root / "apps" / APP / "app.py").write_text(maker.APP.split("@app.check")[0])
    monkeypatch.chdir(root)
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    tiny_release(tmp_path / "release", APP)
    bundle = root / f"{APP}.teahouse"
    archive.pack(tmp_path / "release", bundle, signing.new())
    status, said = verb("candidate", "--bundle", bundle.name, "--to", "held")
    assert status == 0 and "Nobody can say" in said and not (root / "held").exists(), "it names no rows"
    sealed(tmp_path / "release", version="a" * 64)
    archive.pack(tmp_path / "release", bundle, signing.new())
    status, said = verb("candidate", "--bundle", bundle.name, "--to", "out")
    assert status == 0 and "Promoted" in said, said
    assert (root / "out" / bundle.name).read_bytes() == bundle.read_bytes()
    assert json.loads((root / "out" / f"{APP}.json").read_text())["outcome"] == "promote"
    bundle.write_bytes(bundle.read_bytes()[:-1])
    status, said = verb("candidate", "--bundle", bundle.name, "--to", "again")
    assert status != 0 and not (root / "again").exists()


def champion(root: Path) -> str | None:
    """The champion of the project's house."""
    from teahouse.store import rollouts
    from teahouse.testing import open_house

    with open_house(root / ".teahouse") as house, house.db.read() as c:
        row = rollouts.champion(c, APP)
    return row.release if row else None


def test_nothing_to_sign_or_release_is_no_fault(tmp_path):
    assert verb("sign", str(tmp_path / "out"))[0] == verb("release", str(tmp_path / "out"))[0] == 0
