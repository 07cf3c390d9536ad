"""Shipped files are found, and the command for missing libraries is right."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from latentd.errors import LatentdError
from latentd.system import resources


def test_a_checkout_finds_its_own_mappings() -> None:
    assert resources.folder("mappings").joinpath("README.md").is_file()


def test_an_incomplete_installation_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "latentd")
    with pytest.raises(LatentdError, match="shipped models are missing"):
        resources.folder("models")


def test_an_installed_package_prefers_its_own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    inside = tmp_path / "latentd" / "shipped_data" / "models"
    inside.mkdir(parents=True)
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "latentd")
    assert resources.folder("models") == inside


def test_a_checkout_installs_itself_with_the_libraries_from_any_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checkout = tmp_path / "my music"
    checkout.mkdir()
    (checkout / "pyproject.toml").touch()
    monkeypatch.setattr(resources, "_PACKAGE", checkout / "latentd")
    command = shlex.split(resources.install("offline").removeprefix("Install it: "))
    assert command == [sys.executable, "-m", "pip", "install", "-e", f"{checkout}[offline]"]


def test_a_package_is_installed_with_the_libraries_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "site-packages" / "latentd")
    assert (
        resources.install("offline") == f"Install it: {shlex.quote(sys.executable)} -m pip install 'latentd[offline]'"
    )
