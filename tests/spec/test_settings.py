"""Settings come from one file, the environment and flags, and a wrong key names the likely one."""

import pytest

from teahouse import settings
from teahouse.errors import SettingsError


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("TEAHOUSE_DATA", "TEAHOUSE_SITE_PORT", "TEAHOUSE_LOOP_RETRAIN_AFTER"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "teahouse.toml").write_text("[site]\nport = 9001\n[loop]\nretrain_after = 20\n")
    return tmp_path


def test_a_flag_wins_over_the_environment_over_the_file(project, monkeypatch):
    assert settings.load(project).site.port == 9001
    monkeypatch.setenv("TEAHOUSE_SITE_PORT", "9002")
    assert settings.load(project).site.port == 9002
    assert settings.load(project, site={"port": 9003, "host": None}).site.port == 9003
    assert settings.load(project).loop.retrain_after == 20


def test_other_variables_of_teahouse_are_no_settings(project, monkeypatch):
    monkeypatch.setenv("TEAHOUSE_KEY", "th_secret")
    monkeypatch.setenv("TEAHOUSE_PHOTOS", "/somewhere")
    monkeypatch.setenv("TEAHOUSE_DATA", str(project / "elsewhere"))
    assert settings.load(project).data_dir == project / "elsewhere"


@pytest.mark.parametrize(("text", "word"), [("[lop]\n", '"loop"'), ("[loop]\nretrain_aftr = 3\n", '"retrain_after"')])
def test_an_unknown_key_names_the_likely_one(project, text, word):
    (project / "teahouse.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings.load(project)
    assert word in caught.value.do_next


@pytest.mark.parametrize("text", ["[site]\nport = 99999\n", "[loop]\npromote = 'maybe'\n", "[site\n"])
def test_a_value_that_can_not_be_says_why(project, text):
    (project / "teahouse.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings.load(project)
    assert caught.value.why


def test_the_project_is_found_upwards(project):
    deep = project / "apps" / "tea"
    deep.mkdir(parents=True)
    assert settings.find_project(deep) == project


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "proxy.local", ""])
def test_a_proxy_that_is_no_address_is_told_when_the_settings_are_read(project, wrong):
    (project / "teahouse.toml").write_text(f'[limits]\ntrusted_proxies = ["10.0.0.1", "{wrong}"]\n')
    with pytest.raises(SettingsError, match="trusted_proxies"):
        settings.load(project)
