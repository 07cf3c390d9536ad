"""The states of the `osc` output, against the tables that their classes draw."""

from __future__ import annotations

import pytest

from latentd.instrument.point import Change
from latentd.outputs.amsynth_osc.peer import Peer, PeerState
from latentd.outputs.amsynth_osc.wanted import PatchState, WantedPatch
from tests.support.state_table import StateTable, Transition, rows

SYNTH = ("127.0.0.1", 20000)


def answered(peer: Peer) -> None:
    assert peer.unanswered == 1
    peer.answered(0.0)


def answered_in_part(peer: Peer) -> None:
    if peer.unanswered == 1:
        peer.asked(0.0)
    assert peer.unanswered
    peer.answered(0.0)


def overdue(peer: Peer) -> None:
    if peer.overdue():
        peer.asked(0.0)


def third_overdue(peer: Peer) -> None:
    assert peer.state is not PeerState.DRAINING
    for _ in range(3):
        overdue(peer)


PEER = StateTable(
    Peer,
    PeerState,
    lambda: Peer(None),
    lambda peer: peer.state,
    {
        "new address": lambda peer: peer.adopt(SYNTH),
        "greeted": Peer.greeted,
        "asked": lambda peer: peer.asked(0.0),
        "answered": answered,
        "answered, others unanswered": answered_in_part,
        "overdue": overdue,
        "third overdue": third_overdue,
        "its process ended": lambda peer: peer.ended(0.0),
    },
)


@pytest.mark.parametrize("row", rows(Peer), ids=str)
def test_a_peer_goes_where_its_table_says(row: Transition) -> None:
    PEER.check(row)


def test_nothing_else_changes_a_peer() -> None:
    PEER.check_the_rest()


def test_a_peer_is_gone_at_the_third_request_in_a_row_and_not_before() -> None:
    peer = Peer(SYNTH)
    peer.asked(0.0)
    for n in range(6):
        assert (peer.state is PeerState.GONE) == (n >= 3)
        overdue(peer)
    answered_in_part(peer)
    overdue(peer)
    peer.asked(1.0)
    overdue(peer)
    assert peer.state.name == "WAITING", "counted from the last answer"


def test_a_peer_whose_process_ended_is_gone_once_its_midi_port_had_the_time_to_go() -> None:
    peer = Peer(SYNTH)
    peer.asked(0.0)
    peer.ended(100.0)
    assert not peer.unanswered, "no answer is waited for"
    assert [peer.gone(now) for now in (100.0, 100.9, 101.1)] == [False, False, True]
    peer.adopt(SYNTH)
    assert not peer.gone(200.0)


def test_a_remembered_peer_is_known_but_not_connected() -> None:
    assert Peer(SYNTH).state is PeerState.KNOWN
    assert not Peer(SYNTH).state.connected


def test_late_answers_are_waited_for_from_the_last_one_on() -> None:
    peer = Peer(SYNTH)
    peer.asked(0.0)
    peer.asked(0.25)
    peer.answered(0.375)
    assert peer.state is PeerState.DRAINING
    assert peer.due_s == 0.625


def different(patch: WantedPatch) -> None:
    assert patch.update([Change(0, 0.75 if patch.values[0] < 0.5 else 0.25)])


PATCH = StateTable(
    WantedPatch,
    PatchState,
    WantedPatch,
    lambda patch: patch.state,
    {
        "new values": different,
        "filed": WantedPatch.filed,
        "acknowledged": WantedPatch.acknowledged,
        "lost": WantedPatch.lost,
    },
)


@pytest.mark.parametrize("row", rows(WantedPatch), ids=str)
def test_a_patch_goes_where_its_table_says(row: Transition) -> None:
    PATCH.check(row)


def test_nothing_else_changes_how_far_a_patch_has_come() -> None:
    PATCH.check_the_rest()


def test_a_patch_that_happens_to_be_the_synths_defaults_is_owed_like_any_other() -> None:
    patch = WantedPatch()
    assert patch.update([])
    patch.filed()
    assert not patch.update([]), "from then on only what is new"
    assert patch.state is PatchState.FILED
