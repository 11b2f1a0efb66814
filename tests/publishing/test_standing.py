"""A site that publish makes listens to a private network, and to this machine alone anywhere else."""

import pytest

from teahouse.publishing import standing

HOME, RENTED = ["192.168.1.20", "169.254.7.7"], ["10.0.0.5", "203.0.113.7"]


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Makes the project of a machine with these addresses."""
    for name in ("TEAHOUSE_SITE_HOST", "TEAHOUSE_SITE_URL", "TEAHOUSE_DATA"):
        monkeypatch.delenv(name, raising=False)

    def on(addresses):
        monkeypatch.setattr(standing, "addresses", lambda: addresses)
        return standing.project_for(tmp_path / "site")

    return on


def test_on_a_private_network_a_phone_can_come(found):
    project = found(HOME)
    assert project.settings.site.host == "0.0.0.0"
    assert standing.said_of(project, HOME) == ()


@pytest.mark.parametrize("addresses", [RENTED, ["100.64.0.9"], ["8.8.8.8"], []])
def test_elsewhere_it_answers_this_machine_alone_and_says_how_to_open_it(found, addresses):
    project = found(addresses)
    assert project.settings.site.host == "127.0.0.1"
    (note,) = standing.said_of(project, addresses)
    assert "this computer alone" in note and 'host = "0.0.0.0"' in note and "`teahouse stop && teahouse share`" in note
    assert ("no network" in note) == (not addresses)
    assert "203.0.113.7" in note if addresses is RENTED else True


def test_a_site_that_came_to_a_public_network_says_so(found):
    project = found(HOME)
    (note,) = standing.said_of(project, RENTED)
    assert "203.0.113.7" in note and "10.0.0.5" not in note and 'host = "127.0.0.1"' in note


@pytest.mark.parametrize("line", ['host = "127.0.0.1"', 'host = "192.168.1.20"', 'url = "https://tea.example"'])
def test_what_a_maker_has_set_is_not_spoken_of(found, line, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "teahouse.toml").write_text(f"[site]\n{line}\n")
    assert standing.said_of(found(RENTED), RENTED) == ()


def test_this_machines_own_addresses_are_found_without_its_loopback():
    found = standing.addresses()
    assert not any(one.startswith("127.") for one in found)
    assert isinstance(standing.is_private(found), bool)


@pytest.mark.parametrize(
    ("address", "private"),
    [("172.16.0.1", True), ("172.32.0.1", False), ("192.169.0.1", False), ("fd00::1", True), ("fe80::1", True),
     ("2001:db8::1", False), ("192.0.2.1", False), ("198.18.0.1", False)],
)  # fmt: skip
def test_private_is_what_no_stranger_reaches(address, private):
    assert standing.is_private([address]) is private
