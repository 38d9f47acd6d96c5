"""Good files that hostile ones are made from."""

import shutil

import pytest

from compat_tests.checks.hostile import good_files


@pytest.fixture(scope="session")
def good_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    good_files(folder)
    return folder


@pytest.fixture
def place(good_folder, tmp_path, monkeypatch):
    """The working folder: good files of every format, decoys, and nothing named 'marker'."""
    shutil.copytree(good_folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
