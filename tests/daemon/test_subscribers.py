"""Subscriptions: who is sent the point, how often, and what ends it."""

from __future__ import annotations

import pytest

from latentd.daemon.sender import Sender
from latentd.daemon.subscribers import LASTS_S, MAX_HOSTS, MAX_PORTS, Feedback
from latentd.errors import UserError
from latentd.osc import packets
from tests.support.loop import Rig

APP, OTHER_APP = Sender("10.0.0.1", 5000), Sender("10.0.0.1", 6000)
PHONE = Sender("10.0.0.2", 5000)


def subscribers() -> tuple[Feedback, list[tuple[packets.Message, Sender]]]:
    sent: list[tuple[packets.Message, Sender]] = []
    return Feedback(lambda packet, address: sent.append((packets.read(packet)[0], address)), 9000), sent


class Watched:
    """Subscriptions, and a point that moves to show which hosts are sent it."""

    def __init__(self) -> None:
        self.feedback, self.sent = subscribers()
        self._x = 0.0

    def hosts(self, now: float) -> list[str]:
        """The hosts that are sent a movement at `now`."""
        self.sent.clear()
        self._x = (self._x + 0.125) % 1.0
        self.feedback.step((self._x, 0.5), now)
        return [to.host for message, to in self.sent if message.address == "/latentd/xy"]

    def told(self) -> list[tuple[str, Sender]]:
        """The errors that were sent with the last movement."""
        return [(str(message.args[0]), to) for message, to in self.sent if message.address == "/latentd/error"]


def test_a_subscriber_is_sent_the_point_when_it_moves_and_at_most_30_times_a_second() -> None:
    feedback, sent = subscribers()
    feedback.subscribe(APP, True, 0.0)
    assert feedback.step((0.25, 0.5), 10.0) is None
    assert sent[0][1] == Sender("10.0.0.1", 9000)
    assert sent[0][0].args == (0.25, 0.5)
    again = feedback.step((0.26, 0.5), 10.001)
    assert again is not None
    assert len(sent) == 1
    assert feedback.step((0.27, 0.5), again) is None
    assert sent[1][0].args[0] == packets.read(packets.write("/a", 0.27))[0].args[0]
    feedback.step((0.27, 0.5), again + 1.0)
    assert len(sent) == 2


def test_a_subscriber_whose_network_is_gone_delays_no_other_and_is_sent_the_point_again_later() -> None:
    sent: list[str] = []
    gone = {APP.host}

    def send(_packet: bytes, address: Sender) -> None:
        if address.host in gone:
            raise OSError("Network is unreachable")
        sent.append(address.host)

    feedback = Feedback(send, 9000)
    feedback.subscribe(APP, True, 0.0)
    feedback.subscribe(PHONE, True, 0.0)
    feedback.step((0.1, 0.1), 1.0)
    assert sent == [PHONE.host]
    gone.clear()
    feedback.step((0.2, 0.2), 2.0)
    assert sent == [PHONE.host, APP.host, PHONE.host]


def test_nothing_is_sent_without_a_subscription_or_after_its_end() -> None:
    watched = Watched()
    assert watched.hosts(1.0) == []
    watched.feedback.subscribe(APP, True, 1.0)
    assert watched.feedback.any
    watched.feedback.subscribe(APP, False, 1.0)
    assert not watched.feedback.any
    assert watched.hosts(2.0) == []


def test_of_two_apps_on_a_tablet_one_that_unsubscribes_does_not_silence_the_other() -> None:
    watched = Watched()
    watched.feedback.subscribe(APP, True, 0.0)
    watched.feedback.subscribe(OTHER_APP, True, 0.0)
    assert watched.hosts(1.0) == [APP.host], "a host is sent the point once"
    watched.feedback.subscribe(OTHER_APP, False, 1.0)
    assert watched.hosts(2.0) == [APP.host]
    with pytest.raises(UserError, match=r"port 6000 has not subscribed\. Send it from the port that has: 5000"):
        watched.feedback.subscribe(OTHER_APP, False, 2.0)
    assert watched.hosts(3.0) == [APP.host]
    watched.feedback.subscribe(APP, False, 3.0)
    assert watched.hosts(4.0) == []
    watched.feedback.subscribe(APP, False, 4.0)  # there is nothing to end, and nothing to tell


def test_a_subscription_ends_after_a_week_without_a_message_and_the_host_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched()
    watched.feedback.subscribe(APP, True, 0.0)
    watched.feedback.subscribe(PHONE, True, 10.0)
    assert watched.hosts(LASTS_S) == [APP.host, PHONE.host]
    assert watched.hosts(LASTS_S + 1.0) == [PHONE.host]
    ended = "subscription ended: nothing came from 10.0.0.1 for 7 days. Send /latentd/subscribe 1 to go on"
    assert watched.told() == [(ended, Sender(APP.host, 9000))]
    assert caplog.messages == ["10.0.0.1 is no longer sent the point: nothing came from 10.0.0.1 for 7 days"]


def test_any_message_of_a_subscribed_host_renews_its_subscriptions_and_no_others() -> None:
    watched = Watched()
    watched.feedback.subscribe(APP, True, 0.0)
    watched.feedback.received(APP.host, LASTS_S)
    watched.feedback.received(PHONE.host, LASTS_S)
    assert watched.hosts(2.0 * LASTS_S) == [APP.host]
    assert watched.hosts(2.0 * LASTS_S + 1.0) == []


def test_p12_of_too_many_hosts_the_one_that_was_silent_longest_goes_and_is_told() -> None:
    watched = Watched()
    for i in range(MAX_HOSTS):
        watched.feedback.subscribe(Sender(f"10.0.1.{i}", 5000), True, float(i))
    watched.feedback.received("10.0.1.0", 500.0)
    watched.feedback.subscribe(APP, True, 600.0)
    assert watched.told() == [
        ("subscription ended: 256 hosts are subscribed. Send /latentd/subscribe 1 to go on", Sender("10.0.1.1", 9000))
    ]
    hosts = watched.hosts(601.0)
    assert (len(hosts), APP.host in hosts, "10.0.1.0" in hosts, "10.0.1.1" in hosts) == (MAX_HOSTS, True, True, False)
    for i in range(MAX_HOSTS):
        watched.feedback.subscribe(Sender(f"10.0.1.{i}", 5001), True, 700.0 + i)
    assert len(watched.hosts(1000.0)) == MAX_HOSTS
    assert watched.feedback.any


def test_p12_a_client_that_sends_from_a_new_port_each_time_stays_one_subscriber() -> None:
    watched = Watched()
    for port in range(5000, 5000 + 2 * MAX_PORTS):
        watched.feedback.subscribe(Sender(APP.host, port), True, 0.0)
    with pytest.raises(UserError) as caught:
        watched.feedback.subscribe(Sender(APP.host, 5000), False, 0.0)
    assert caught.value.hint.count(",") == MAX_PORTS - 1
    for port in range(5000 + MAX_PORTS, 5000 + 2 * MAX_PORTS):
        assert watched.hosts(port * 1.0) == [APP.host]
        watched.feedback.subscribe(Sender(APP.host, port), False, 0.0)
    assert watched.hosts(9000.0) == []


def test_apps_of_one_host_that_asked_two_addresses_are_sent_the_point_from_both() -> None:
    watched = Watched()
    first, second = (((0, 8, bytes((n,))),) for n in (1, 2))
    watched.feedback.subscribe(APP._replace(answer_from=first), True, 0.0)
    watched.feedback.subscribe(OTHER_APP._replace(answer_from=second), True, 0.0)
    assert watched.hosts(1.0) == [APP.host] * 2
    assert {to.answer_from for _, to in watched.sent} == {first, second}
    watched.feedback.subscribe(OTHER_APP._replace(answer_from=first), True, 1.0)
    assert watched.hosts(2.0) == [APP.host]


def test_whatever_a_subscribed_host_sends_renews_its_subscription(rig: Rig) -> None:
    datagrams, feedback = rig.service._datagrams, rig.service.feedback
    rig.send_datagram(packets.write("/latentd/subscribe", 1))
    datagrams.read(rig.clock.now)
    rig.clock.now += LASTS_S
    rig.send_datagram(packets.write("/nobody/takes/this", 1))
    datagrams.read(rig.clock.now)
    feedback.step((0.25, 0.5), rig.clock.now + LASTS_S)
    assert feedback.any
    feedback.step((0.5, 0.5), rig.clock.now + LASTS_S + 1.0)
    assert not feedback.any
