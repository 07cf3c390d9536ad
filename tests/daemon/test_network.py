"""Which hosts may send to the daemon, and which are sent the point."""

from __future__ import annotations

import pytest

from latentd.daemon import network
from latentd.daemon.network import Allowed, listen, warn_if_alone
from latentd.errors import UserError
from latentd.system import machine


def test_this_machine_and_listed_networks_are_allowed_and_no_others() -> None:
    allowed = Allowed(["192.168.1.0/24", "10.1.2.3"])
    assert "127.0.0.1" in allowed
    assert "127.8.9.1" in allowed
    assert "192.168.1.77" in allowed
    assert "10.1.2.3" in allowed
    assert "10.1.2.4" not in allowed
    assert "8.8.8.8" not in allowed
    assert "::1" in allowed
    assert "fe80::1%eth0" not in allowed
    assert "fe80::1%eth0" in Allowed(["fe80::/10"])


def test_another_address_of_this_machine_is_this_machine_for_as_long_as_it_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allowed, own = Allowed([]), {"192.168.1.5", "fd00::5"}
    monkeypatch.setattr(network, "is_local", lambda host: host in own)
    assert "192.168.1.5" in allowed
    assert "fd00::5" in allowed
    assert "192.168.1.6" not in allowed
    own.clear()
    assert "192.168.1.5" not in allowed


def test_decisions_stay_right_and_few_for_many_hosts() -> None:
    allowed = Allowed(["10.0.0.0/16"])
    for i in range(2000):
        assert f"10.0.{i // 256}.{i % 256}" in allowed
        assert f"10.1.{i // 256}.{i % 256}" not in allowed
    assert len(allowed._known) <= 256


@pytest.mark.parametrize(
    ("host", "networks", "alone"),
    [
        ("0.0.0.0", [], True),
        ("192.168.1.5", ["127.0.0.1"], True),
        ("0.0.0.0", ["192.168.1.0/24"], False),
        ("127.0.0.1", [], False),
        ("::", [], True),
        ("::1", [], False),
        ("fe80::1%eth0", [], True),
    ],
)
def test_an_address_for_other_machines_that_allows_none_is_a_warning_with_the_next_step(
    host: str, networks: list[str], alone: bool, caplog: pytest.LogCaptureFixture
) -> None:
    warn_if_alone(host, networks)
    assert len(caplog.messages) == int(alone)
    assert all(host in line and "--set 'allow=[" in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("host", "listed", "wanted"),
    [
        ("192.168.7.77", [], "192.168.7.0/24"),
        ("192.168.7.77", ["10.0.0.0/8", "172.16.0.1"], "10.0.0.0/8, 172.16.0.1, 192.168.7.0/24"),
        ("10.1.200.3", [], "10.1.0.0/16"),  # a network that this machine is on
        ("fe80::77%eth0", [], "fe80::/64"),
    ],
)
def test_a_refused_sender_is_logged_with_its_own_network_at_most_once_a_minute(
    host: str, listed: list[str], wanted: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "networks", lambda: ["10.1.0.0/16", "192.0.2.0/24"])
    allowed = Allowed(listed)
    for now in (100.0, 101.0, 159.9, 160.0):
        allowed.log_refused(host, now)
    advice = f"Accept its network with --set 'allow=[{wanted}]'"
    assert caplog.messages == [f"{host} is refused: not in `allow:`. {advice}"] * 2
    assert host in Allowed(wanted.split(", "))


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("203.0.113.9", "Cannot assign requested address"),
        ("2001:db8::9", "Cannot assign requested address"),
        ("fe80::1%none", "there is no network interface none"),
    ],
)
def test_an_address_that_is_not_this_machines_is_refused_in_one_line(host: str, why: str) -> None:
    with pytest.raises(UserError, match=f"cannot listen on .*: {why}. Choose another with --listen"):
        listen((host, 9))
