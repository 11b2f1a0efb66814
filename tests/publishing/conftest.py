"""A folder to publish in: photos of the three kinds, and no machine that a browser could reach."""

import pytest

torch = pytest.importorskip("torch")


@pytest.fixture
def files(tmp_path):
    from tests.publishing.makers import photo_file

    (tmp_path / "photos").mkdir()
    return [photo_file(tmp_path / "photos", kind, 100 + 3 * turn + kind) for turn in range(2) for kind in range(3)]


@pytest.fixture
def away(tmp_path, monkeypatch):
    """Publishing makes a bundle here, as on Kaggle; what a bundle answers is asked with `answerer(published)`."""
    from teahouse.engine.answering import Answerer
    from teahouse.model import archive

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")

    def answerer(published):
        release = archive.unpack(published.bundle, tmp_path / "releases", None)
        return Answerer(tmp_path / "releases" / release)

    return answerer


@pytest.fixture(autouse=True)
def the_same_nets_each_time():
    torch.manual_seed(5)
