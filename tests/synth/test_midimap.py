"""The controllers file: our map, other people's maps, and putting one in place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from latentd.cli.midimap import command
from latentd.errors import UserError
from latentd.synth import amsynth, midimap

# CCs that mean something to amSynth itself when they are not mapped (MidiController.cpp: controller_change).
AMSYNTHS_OWN = {0, 6, 10, 32, 38, *range(64, 70), *range(96, 102), *range(120, 128)}
KEYBOARDS_SEND = {2, 4, 8, 11, 33, 84, 88}

maps = st.lists(
    st.one_of(st.none(), st.integers(0, amsynth.COUNT - 1)), min_size=midimap.CC_COUNT, max_size=midimap.CC_COUNT
).map(lambda parameters: midimap.Midimap(tuple(parameters)))


def test_our_map_reaches_every_parameter_once() -> None:
    assert midimap.OURS.missing == ()
    assert midimap.OURS.reachable.all()
    assert sum(p is not None for p in midimap.OURS.parameters) == amsynth.COUNT


def test_our_map_leaves_controllers_with_another_meaning_alone() -> None:
    used = {cc for cc, p in enumerate(midimap.OURS.parameters) if p is not None}
    assert not used & (AMSYNTHS_OWN | KEYBOARDS_SEND)


def test_our_map_keeps_the_assignments_of_amsynth() -> None:
    known = {1: "freq_mod_amount", 5: "portamento_time", 7: "master_vol", 71: "filter_resonance", 72: "amp_release",
             73: "amp_attack", 74: "filter_cutoff", 75: "amp_decay", 91: "reverb_wet"}  # fmt: skip
    for cc, name in known.items():
        assert midimap.OURS.parameters[cc] == amsynth.INDEX[name]


@given(maps)
def test_a_map_is_read_as_it_was_written(any_map: midimap.Midimap) -> None:
    assert midimap.parse(any_map.text(), "f") == any_map


@given(st.dictionaries(st.sampled_from(amsynth.NAMES), st.integers(0, 127)))
def test_a_partial_map_keeps_its_assignments_and_gets_the_rest(ccs: dict[str, int]) -> None:
    partial = midimap.from_ccs(ccs)
    complete = midimap.extend(partial)
    assert complete.missing == ()
    for cc, parameter in enumerate(partial.parameters):
        assert parameter is None or complete.parameters[cc] == parameter
    added = {cc for cc, p in enumerate(complete.parameters) if p is not None and partial.parameters[cc] is None}
    assert not added & (AMSYNTHS_OWN | KEYBOARDS_SEND)


def test_a_complete_map_stays_as_it_is() -> None:
    turned = midimap.Midimap(tuple(reversed(midimap.OURS.parameters)))
    assert midimap.extend(turned) == turned


def test_the_higher_of_two_ccs_is_the_one_to_send() -> None:
    parameters = list(midimap.OURS.parameters)
    parameters[119] = amsynth.INDEX["filter_cutoff"]
    assert midimap.Midimap(tuple(parameters)).cc[amsynth.INDEX["filter_cutoff"]] == 119


def test_a_map_without_free_ccs_is_refused() -> None:
    with pytest.raises(UserError, match="no free CC for amp_attack"):
        midimap.extend(midimap.Midimap((amsynth.INDEX["master_vol"],) * 128))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found 0 lines"),
        ("null\n" * 127, "found 127 lines"),
        ("null\n" * 129, "found 129 lines"),
        ("null\n" * 5 + "filter_cutof\n" + "null\n" * 122, "f:6: found 'filter_cutof'.*did you mean filter_cutoff"),
        ("\n" * 128, "f:1: found ''"),
        ("x" * 9999 + "\n" + "null\n" * 127, r"f:1: found 'x+\.\.\.'"),
    ],
)
def test_a_file_that_is_no_map_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        midimap.parse(text, "f")
    assert "\n" not in str(caught.value)


def test_the_file_lies_where_amsynth_looks() -> None:
    assert midimap.controllers_path({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}) == Path("/c/amsynth/controllers")
    assert midimap.controllers_path({"XDG_CONFIG_HOME": "", "HOME": "/h"}) == Path("/h/.config/amsynth/controllers")


def test_without_a_file_only_what_every_amsynth_maps_counts_as_reachable(tmp_path: Path) -> None:
    now = midimap.installed({"XDG_CONFIG_HOME": str(tmp_path)})
    assert {amsynth.NAMES[i] for i in now.reachable.nonzero()[0]} == {"freq_mod_amount", "master_vol"}


def _run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, env={"XDG_CONFIG_HOME": str(home)})


def _file(home: Path, text: str) -> Path:
    path = home / "amsynth" / "controllers"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_midimap_prints_the_file(tmp_path: Path) -> None:
    result = _run(tmp_path)
    assert result.output == midimap.OURS.text()
    assert list(tmp_path.iterdir()) == []


def test_install_on_a_fresh_machine_makes_the_folder_and_asks_for_a_restart(tmp_path: Path) -> None:
    result = _run(tmp_path, "--install")
    assert result.exit_code == 0
    assert "Restart amSynth" in result.output
    assert midimap.read(tmp_path / "amsynth" / "controllers") == midimap.OURS
    assert [p.name for p in (tmp_path / "amsynth").iterdir()] == ["controllers"]


def test_install_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    _run(tmp_path, "--install")
    result = _run(tmp_path, "--install")
    assert "nothing changed" in result.output
    assert [p.name for p in (tmp_path / "amsynth").iterdir()] == ["controllers"]


def test_install_extends_a_partial_map_and_never_overwrites_a_backup(tmp_path: Path) -> None:
    partial = midimap.from_ccs({"filter_cutoff": 20}).text()
    path = _file(tmp_path, partial)
    assert _run(tmp_path, "--install").exit_code == 0
    other = midimap.from_ccs({"filter_cutoff": 21}).text()
    path.write_text(other)
    assert _run(tmp_path, "--install").exit_code == 0
    assert (path.parent / "controllers.before-latentd").read_text() == partial
    assert (path.parent / "controllers.before-latentd.2").read_text() == other
    after = midimap.read(path)
    assert after is not None
    assert after.missing == ()
    assert after.cc[amsynth.INDEX["filter_cutoff"]] == 21


def test_install_replaces_the_file_behind_a_link_not_the_link(tmp_path: Path) -> None:
    dotfile = tmp_path / "dotfiles" / "controllers"
    dotfile.parent.mkdir()
    dotfile.write_text(midimap.BUILT_IN.text())
    link = tmp_path / "amsynth" / "controllers"
    link.parent.mkdir()
    link.symlink_to(dotfile)
    assert _run(tmp_path, "--install").exit_code == 0
    assert link.is_symlink()
    assert (midimap.read(dotfile) or midimap.BUILT_IN).missing == ()


def test_install_refuses_nonsense_and_leaves_it_there(tmp_path: Path) -> None:
    path = _file(tmp_path, "hello\n")
    result = _run(tmp_path, "--install")
    assert isinstance(result.exception, UserError)
    assert path.read_text() == "hello\n"
    assert [p.name for p in path.parent.iterdir()] == ["controllers"]


def test_json_says_which_cc_each_parameter_has(tmp_path: Path) -> None:
    _file(tmp_path, midimap.from_ccs({"filter_cutoff": 20}).text())
    facts = json.loads(_run(tmp_path, "--install", "--json").output)
    assert facts["cc"]["filter_cutoff"] == 20
    assert len(facts["cc"]) == len(facts["added"]) + 1 == amsynth.COUNT
    assert facts["backup"].endswith("controllers.before-latentd")
    assert facts["installed"] is True
