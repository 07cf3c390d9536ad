"""The shipped files are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from latentd import shipped
from latentd.errors import LatentdError


def test_a_checkout_finds_its_own_mappings() -> None:
    assert shipped.folder("mappings").joinpath("README.md").is_file()


def test_an_incomplete_installation_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "latentd")
    with pytest.raises(LatentdError, match="shipped models are missing"):
        shipped.folder("models")


def test_an_installed_package_prefers_its_own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    inside = tmp_path / "latentd" / "shipped_data" / "models"
    inside.mkdir(parents=True)
    (tmp_path / "models").mkdir()
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "latentd")
    assert shipped.folder("models") == inside
