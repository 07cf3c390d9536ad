"""The controllers file: latentd's map, other maps, and installing one."""

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


def test_latentds_map_reaches_every_parameter_once() -> None:
    assert midimap.OURS.missing == ()
    assert midimap.OURS.reachable.all()
    assert sum(p is not None for p in midimap.OURS.parameters) == amsynth.COUNT


def test_latentds_map_uses_no_controller_with_another_meaning() -> None:
    used = {cc for cc, p in enumerate(midimap.OURS.parameters) if p is not None}
    assert not used & (AMSYNTHS_OWN | KEYBOARDS_SEND)


def test_latentds_map_keeps_the_assignments_of_amsynth() -> None:
    known = {1: "freq_mod_amount", 5: "portamento_time", 7: "master_vol", 71: "filter_resonance", 72: "amp_release",
             73: "amp_attack", 74: "filter_cutoff", 75: "amp_decay", 91: "reverb_wet"}  # fmt: skip
    for cc, name in known.items():
        assert midimap.OURS.parameters[cc] == amsynth.INDEX[name]


@given(maps)
def test_a_map_is_read_as_it_was_written(any_map: midimap.Midimap) -> None:
    assert midimap.parse(any_map.text().encode()) == any_map


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


def _by_name(found: midimap.Midimap) -> dict[int, str]:
    return {cc: amsynth.NAMES[i] for cc, i in enumerate(found.parameters) if i is not None}


@pytest.mark.parametrize(
    ("content", "ccs"),
    [
        (b"", {1: "freq_mod_amount", 7: "master_vol"}),
        (b"null\n" * 7 + b"filter_cutoff\n", {7: "filter_cutoff"}),
        (b"null\n" * 7 + b"filter_cutoff", {7: "master_vol"}),  # amSynth does not take a last word without a line end
        (b"osc_mix\n", {0: "osc_mix", 1: "freq_mod_amount", 7: "master_vol"}),
        (b"null null\t\r\n\n osc_mix\x0bamp_attack\n", {2: "osc_mix", 3: "amp_attack", 7: "master_vol"}),
        (b"x OSC_MIX osc_mix\xc2\xa0 osc_mix\0null\n", {3: "osc_mix", 7: "master_vol"}),
        (b"null\n" * 127 + b"osc_mix amp_attack\n", {127: "osc_mix"}),
    ],
)
def test_a_file_is_read_as_amsynth_reads_it(content: bytes, ccs: dict[int, str]) -> None:
    assert _by_name(midimap.parse(content)) == ccs


@given(st.binary(max_size=2000))
def test_no_content_is_refused(content: bytes) -> None:
    assert len(midimap.parse(content).parameters) == midimap.CC_COUNT


def test_words_that_amsynth_does_not_know_are_named() -> None:
    assert midimap.parse(b"filter_cutof null osc_mix lfo_depth\n").unknown == ("filter_cutof", "lfo_depth")


def test_the_file_lies_where_amsynth_looks() -> None:
    assert midimap.controllers_path({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}) == Path("/c/amsynth/controllers")
    assert midimap.controllers_path({"XDG_CONFIG_HOME": "", "HOME": "/h"}) == Path("/h/.config/amsynth/controllers")


def test_without_a_file_only_what_every_amsynth_maps_counts_as_reachable(tmp_path: Path) -> None:
    assert midimap.installed({"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}) is None
    assert set(_by_name(midimap.BUILT_IN).values()) == {"freq_mod_amount", "master_vol"}


def test_the_file_of_amsynths_first_versions_counts_until_there_is_a_new_one(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    old = tmp_path / ".amSynthControllersrc"
    old.write_text("null osc_mix\n")
    assert midimap.installed(environ) == (old, midimap.parse(b"null osc_mix\n"))
    new = _file(tmp_path, midimap.OURS.text())
    assert midimap.installed(environ) == (new, midimap.OURS)


def _run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, env={"XDG_CONFIG_HOME": str(home), "HOME": str(home)})


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


def test_install_completes_a_file_that_is_short_keeps_what_amsynth_made_of_it_and_names_what_it_did_not(
    tmp_path: Path,
) -> None:
    path = _file(tmp_path, "null\n" * 6 + "hello\nfilter_cutoff\n")
    result = _run(tmp_path, "--install")
    assert result.exit_code == 0
    assert "amSynth knows no such parameters: hello." in result.output
    after = midimap.read(path)
    assert after is not None
    assert (after.missing, after.unknown) == ((), ())
    assert after.parameters[7] == amsynth.INDEX["filter_cutoff"]


def test_install_takes_over_the_file_that_amsynth_would_have_moved(tmp_path: Path) -> None:
    old = tmp_path / ".amSynthControllersrc"
    old.write_text("null\n" * 7 + "filter_cutoff\n")
    result = _run(tmp_path, "--install")
    assert f"{old} stays, but amSynth no longer reads it" in result.output
    assert old.read_text() == "null\n" * 7 + "filter_cutoff\n"
    after = midimap.read(tmp_path / "amsynth" / "controllers")
    assert after is not None
    assert after.missing == ()
    assert after.parameters[7] == amsynth.INDEX["filter_cutoff"]


def test_install_puts_a_complete_old_file_in_its_place_too(tmp_path: Path) -> None:
    (tmp_path / ".amSynthControllersrc").write_text(midimap.OURS.text())
    assert json.loads(_run(tmp_path, "--json").output)["installed"] is False
    _run(tmp_path, "--install")
    assert midimap.read(tmp_path / "amsynth" / "controllers") == midimap.OURS
    assert "nothing changed" in _run(tmp_path, "--install").output


def test_install_leaves_what_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "amsynth" / "controllers"
    path.mkdir(parents=True)
    result = _run(tmp_path, "--install")
    assert isinstance(result.exception, UserError)
    assert str(path) in str(result.exception)
    assert path.is_dir()


def test_json_has_the_cc_of_each_parameter(tmp_path: Path) -> None:
    _file(tmp_path, midimap.from_ccs({"filter_cutoff": 20}).text())
    facts = json.loads(_run(tmp_path, "--install", "--json").output)
    assert facts["cc"]["filter_cutoff"] == 20
    assert len(facts["cc"]) == len(facts["added"]) + 1 == amsynth.COUNT
    assert facts["backup"].endswith("controllers.before-latentd")
    assert facts["installed"] is True
