"""Folders of links to what features read beside posts and pictures."""

import os

import pytest

from pipeline.storage import links, store


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "project/data/files/features/glove"


def found(folder):
    return {file.name: os.readlink(file) for file in folder.iterdir() if file.name != links.NAMES}  # noqa: PTH115


def test_links_are_of_the_files_and_of_nothing_else(folder, tmp_path):
    own, other = tmp_path / "project/venv/weights", tmp_path / "weights"
    links.link(folder, [own, other])
    assert found(folder) == {"0-weights": "../../../../venv/weights", "1-weights": str(other)}
    assert store.read_json(folder / links.NAMES) == ["weights", "weights"]
    links.link(folder, [other])
    assert found(folder) == {"0-weights": str(other)}


def test_what_is_right_stays(folder, tmp_path):
    links.link(folder, [tmp_path / "a", tmp_path / "b"])
    before = (folder / "0-a").lstat().st_ino
    links.link(folder, [tmp_path / "a", tmp_path / "c"])
    assert (folder / "0-a").lstat().st_ino == before


def test_folders_of_other_features_go(folder, tmp_path):
    links.keep(folder.parent, [])
    links.link(folder, [tmp_path / "a"])
    links.link(folder.with_name("clip"), [tmp_path / "a"])
    links.keep(folder.parent, ["clip"])
    assert [left.name for left in folder.parent.iterdir()] == ["clip"]
