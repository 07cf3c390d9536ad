"""What latentd finds out about a machine, on folders made for the test."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from latentd.system import machine


def a_card(asound: Path, number: int, name: str, usb: bool = False, plays: bool = True) -> None:
    folder = asound / f"card{number}"
    folder.mkdir(parents=True)
    (folder / "id").write_text(name + "\n", encoding="utf-8")
    if usb:
        (folder / "usbid").write_text("1235:8210\n", encoding="utf-8")
    (folder / ("pcm0p" if plays else "midi0")).mkdir()


def test_a_raspberry_pi_plays_on_its_usb_card_not_on_hdmi(tmp_path: Path) -> None:
    a_card(tmp_path, 0, "vc4hdmi0")
    a_card(tmp_path, 1, "Headphones")
    a_card(tmp_path, 10, "USB", usb=True)
    assert machine.best_card(tmp_path) == "USB"
    assert [card.name for card in machine.playback_cards(tmp_path)] == ["vc4hdmi0", "Headphones", "USB"]


def test_hdmi_is_the_last_choice(tmp_path: Path) -> None:
    a_card(tmp_path, 0, "HDMI")
    assert machine.best_card(tmp_path) == "HDMI"
    a_card(tmp_path, 1, "PCH")
    assert machine.best_card(tmp_path) == "PCH"


def test_a_usb_keyboard_is_no_sound_card(tmp_path: Path) -> None:
    a_card(tmp_path, 0, "Keystation", usb=True, plays=False)
    assert machine.best_card(tmp_path) is None


def test_no_sound_system_means_no_cards(tmp_path: Path) -> None:
    assert machine.playback_cards(tmp_path / "absent") == []


def test_the_nearest_mount_decides_whether_a_folder_is_in_memory(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    inner = tmp_path / "inner"
    inner.mkdir()
    mounts.write_text(f"/dev/root / ext4 rw 0 0\ntmpfs {inner} tmpfs rw 0 0\n", encoding="utf-8")
    assert machine.is_tmpfs(inner, mounts)
    assert not machine.is_tmpfs(tmp_path, mounts)


def test_governors_are_those_of_all_processors(tmp_path: Path) -> None:
    for number, governor in enumerate(["ondemand", "ondemand", "performance"]):
        folder = tmp_path / f"cpu{number}" / "cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(governor + "\n", encoding="ascii")
    assert machine.governors(tmp_path) == {"ondemand", "performance"}


def test_the_machines_addresses_can_be_bound_and_loopback_is_last() -> None:
    addresses = [address for _, address in machine.addresses()]
    assert addresses[-1:] == ["127.0.0.1"]
    for address in addresses:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind((address, 0))


def test_pipewire_is_recognised_by_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert not machine.jack_is_pipewire()
    (tmp_path / "pipewire-0").touch()  # a leftover file is no socket
    assert not machine.jack_is_pipewire()


@pytest.mark.parametrize(
    ("pipewire", "library", "advice"),
    [(True, "", "pw-jack latentd run"), (True, "/x/pipewire-0.3/jack", "start jackd"), (False, "", "start jackd")],
)
def test_beside_pipewire_the_advice_is_pw_jack(
    pipewire: bool, library: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pw-jack").write_text("#!/bin/sh\n")
    (tmp_path / "pw-jack").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LD_LIBRARY_PATH", library)
    monkeypatch.setattr(machine, "jack_is_pipewire", lambda: pipewire)
    assert advice in machine.no_jack_server()


def test_the_version_of_amsynth_is_read_from_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "amsynth"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.amsynth_version() is None
    for says, version in (("amsynth 1.13.2", "1.13.2"), ("amsynth v1.14", "1.14"), ("hello", "")):
        program.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
        program.chmod(0o755)
        assert machine.amsynth_version() == version
