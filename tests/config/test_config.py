"""The configuration: one file of defaults that is its documentation, the user's file, --set, options."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from latentd.config.config import Config, default_file, load_config
from latentd.errors import UserError
from latentd.model import bundle
from latentd.osc.address import join_address, split_address
from latentd.schema.documents import DocumentErrors, Strict, parse_document


@pytest.fixture(autouse=True)
def _no_user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nothing"))


def test_the_file_of_defaults_is_complete_and_has_the_defaults() -> None:
    config = parse_document(default_file(), "defaults.yaml", Config)
    assert config == Config()
    _names_every_key(yaml.safe_load(default_file()), Config)


def _names_every_key(data: dict[str, object], model: type[Strict]) -> None:
    assert set(data) == set(model.model_fields)
    for key, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Strict):
            value = data[key]
            assert isinstance(value, dict)
            _names_every_key(value, section)


def test_options_win_over_settings_and_settings_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("model: mine\noutput: jack\nshaping: {timbre_s: 0.5, pitch_s: 0.6}\n")
    config = load_config(path, ["shaping.timbre_s=0.2", "output=osc"], output="print", model=None)
    assert (config.model, config.output) == ("mine", "print")
    assert (config.shaping.timbre_s, config.shaping.pitch_s) == (0.2, 0.6)


def test_the_users_own_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "latentd").mkdir()
    (tmp_path / "latentd" / "config.yaml").write_text("listen: 127.0.0.1:9123\n")
    assert load_config(None).address == ("127.0.0.1", 9123)


def test_all_mistakes_of_a_file_are_listed_with_line_and_the_nearest_key(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "listen: nowhere\nmodle: x\nshaping:\n  dwell_s: -1\n  timbre: 3\noutput: ocs\nallow: [10.0.0.0/99, lan]\n"
    )
    with pytest.raises(DocumentErrors) as caught:
        load_config(path)
    faults = caught.value.mistakes
    assert len(faults) == 7
    for line, words in [
        (1, ("listen", "HOST:PORT")),
        (2, ("modle", "did you mean model?")),
        (4, ("shaping.dwell_s", "-1")),
        (5, ("shaping.timbre", "did you mean timbre_s?")),
        (6, ("output", "'ocs'", "did you mean osc?")),
        (7, ("allow[0]", "10.0.0.0/99")),
        (7, ("allow[1]", "'lan'")),
    ]:
        assert any(f":{line}: " in fault and all(word in fault for word in words) for fault in faults), (line, faults)


def test_each_wrong_parameter_name_is_listed_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "shaping:\n"
        "  slew: {cutof: 1, filter_cutoff: 20, volume: 11, master_vol: [1]}\n"
        "  lock: [filter_resonanc, qqq, master_vol]\n"
    )
    with pytest.raises(DocumentErrors) as caught:
        load_config(path)
    assert [fault.removeprefix(f"{path}:") for fault in caught.value.mistakes] == [
        "2: shaping.slew.cutof: found 'cutof'; no parameter of amSynth; did you mean filter_cutoff?",
        "2: shaping.slew.filter_cutoff: found 20; must be at most 10.0",
        "2: shaping.slew.master_vol: found [1]; must be a number",
        "2: shaping.slew.volume: found 'volume'; no parameter of amSynth; `latentd decode 0.5 0.5` lists "
        "the parameters",
        "2: shaping.slew.volume: found 11; must be at most 10.0",
        "3: shaping.lock[0]: found 'filter_resonanc'; no parameter of amSynth; did you mean filter_resonance?",
        "3: shaping.lock[1]: found 'qqq'; no parameter of amSynth; `latentd decode 0.5 0.5` lists the parameters",
    ]


def test_a_setting_reaches_into_a_section_of_a_section() -> None:
    assert load_config(None, ["shaping.slew.filter_cutoff=0.5"]).shaping.slew == {"filter_cutoff": 0.5}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("shaping.timbre_s", "KEY=VALUE"),
        ("shapnig.dwell_s=1", "Did you mean 'shaping'"),
        ("shaping.dwel_s=1", "dwell_s"),
        ("shaping.slew.cutoff=1", "no parameter of amSynth"),
        ("shaping.slwe.filter_cutoff=1", "slew"),
    ],
)
def test_a_wrong_setting_names_the_right_one(setting: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_config(None, [setting])


def test_relative_paths_of_a_file_start_from_its_folder_and_others_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rig" / "c.yaml"
    path.parent.mkdir()
    path.write_text("mappings: [xy, mine.yaml]\nmodel: ./mine\nstate: kept\ncontrollers: ~/c\nnotes: {file: a.mid}\n")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", "/home/me")
    rig, here = f"{tmp_path}/rig", f"{tmp_path}/here"
    for config in (load_config(Path("../rig/c.yaml")), load_config(path, ["notes.level=0.5"])):
        assert Path(config.notes.file).resolve() == Path(f"{rig}/a.mid")
        assert [Path(name).resolve() for name in config.mappings[1:]] == [Path(f"{rig}/mine.yaml")]
        assert config.mappings[0] == "xy"
        assert Path(config.model).resolve() == Path(f"{rig}/mine")
        assert config.state_folder.resolve() == Path(f"{rig}/kept")
        assert config.controllers == "/home/me/c"
    assert load_config(path, ["notes.file=b.mid"]).notes.file == f"{here}/b.mid"
    config = load_config(path, ["state=mine"], mappings=["./my.yaml", "tuio"], model=None)
    assert config.mappings == [f"{here}/my.yaml", "tuio"]
    assert (config.state, config.model) == (f"{here}/mine", f"{rig}/mine")


def test_a_mistake_on_the_command_line_names_its_option() -> None:
    with pytest.raises(UserError) as caught:
        load_config(None, ["shaping.dwell_s=-1", "allow=10.0.0.0/8"], listen="nowhere")
    assert sorted(str(caught.value).splitlines()) == [
        "--listen: found 'nowhere'; an address is HOST:PORT, for example 127.0.0.1:8000",
        "--set allow: found '10.0.0.0/8'; must be a list, as [10.0.0.0/8]",
        "--set shaping.dwell_s: found -1; must be at least 0.0",
    ]


def test_a_setting_is_refused_as_it_was_typed() -> None:
    with pytest.raises(UserError) as caught:
        load_config(None, ["alsa.out=20:0", "shaping.dwell_s=0_1", "state=on", "alsa.inputs=[20:0, 3]"])
    assert sorted(str(caught.value).splitlines()) == [
        '--set alsa.inputs[0]: found 20:0, which YAML reads as 1200; write 1200, or "20:0" for text',
        '--set alsa.inputs[1]: found 3; must be text: "3"',
        '--set alsa.out: found 20:0, which YAML reads as 1200; write 1200, or "20:0" for text',
        '--set shaping.dwell_s: found 0_1, which YAML reads as 1; write 1, or "0_1" for text',
        '--set state: found on; must be text: "on"',
    ]
    config = load_config(None, ['alsa.out="20:0"', "shaping.dwell_s=1e-1", "shaping.switch_on_note=on"])
    assert (config.alsa.out, config.shaping.dwell_s, config.shaping.switch_on_note) == ("20:0", 0.1, True)


def test_text_of_a_file_stays_text_beside_a_setting(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("alsa: {out: '012', inputs: ['1e3', 'on']}\n")
    config = load_config(path, ["jack.client=x"], model="012")
    assert (config.alsa.out, config.alsa.inputs, config.model) == ("012", ["1e3", "on"], "012")


def test_all_mistakes_of_the_file_and_of_all_settings_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("modle: x\n")
    with pytest.raises(UserError) as caught:
        load_config(path, ["shapin.dwell_s=1", "shaping.dwell_s=-1", "output", "model.x=1", "modle=y", "jack.client={"])
    assert str(caught.value).splitlines() == [
        f"{path}:1: modle: unknown key; did you mean model?",
        "--set 'shapin.dwell_s=1': no section 'shapin'. Did you mean 'shaping'?",
        "--set 'output' is not KEY=VALUE. For example --set shaping.timbre_s=0.2",
        "--set 'jack.client={': the value is not valid YAML. Quote it",
        "--set model: found {'x': 1}; must be text",
        "--set modle: unknown key; did you mean model?",
        "--set shaping.dwell_s: found -1; must be at least 0.0",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("jack: {playback: '('}", "jack.playback: found '('; not a regular expression (missing ), unterminated"),
        ("jack: {sources: [a, 'b[']}", "jack.sources[1]: found 'b['; not a regular expression (unterminated"),
        ("home: [0.2, 1.5]", "home: found [0.2, 1.5]; must be a landmark's name, or a point from [0, 0] to [1, 1]"),
        ("home: [true, 1]", "home: found [True, 1]; must be a landmark's name, or a point from [0, 0] to [1, 1]"),
        ("home: ' '", "home: found ' '; must be a landmark's name, or a point from [0, 0] to [1, 1]"),
        ("idle: {then: home}", "the file: `idle: {then: home}` needs `home:`, a landmark or [x, y]"),
        ("idle: {after_s: 0}", "idle.after_s: found 0; must be above 0.0"),
        ("notes: {chord: [C4, H3]}", "notes.chord[1]: found 'H3'; must be a note such as C4 (middle C)"),
        ("notes: {chord: [C4], file: x.mid}", "notes: holds a chord and a file; remove one"),
        ("notes: {level: 0}", "notes.level: found 0; must be above 0.0"),
        ("jack: {keyboards: [a, 'b[']}", "jack.keyboards[1]: found 'b['; not a regular expression (unterminated"),
        ("alsa: {inputs: [a, '(']}", "alsa.inputs[1]: found '('; not a regular expression (missing ), unterminated"),
        ("alsa: {inputs: [' ']}", "alsa.inputs[0]: found ' '; is empty; `latentd ports` lists the ports"),
        ("alsa: {inputs: ['(?i)a']}", "alsa.inputs[0]: found '(?i)a'; not a regular expression (global flags"),
        ("alsa: {out: '*'}", "alsa.out: found '*'; not a regular expression (nothing to repeat"),
    ],
)
def test_names_of_ports_must_be_regular_expressions(text: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(DocumentErrors) as caught:
        load_config(path)
    (found,) = caught.value.mistakes
    assert found.startswith(f"{path}:1: {fault}")


def test_names_of_jack_ports_may_ignore_case() -> None:
    assert load_config(None, ["jack.sources=['(?i)keys.*']"]).jack.sources == ["(?i)keys.*"]


def test_a_missing_file_is_one_clear_line() -> None:
    with pytest.raises(UserError, match=r"^no-such-file\.yaml: No such file or directory\. Check"):
        load_config(Path("no-such-file.yaml"))


@pytest.mark.parametrize("text", ["", "host:port", "127.0.0.1:0", "127.0.0.1:70000", "example.org:8000", "::1:80"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|IPv4"):
        split_address(text)


def test_addresses() -> None:
    assert split_address("localhost:8000") == ("127.0.0.1", 8000)
    assert split_address("0.0.0.0:9") == ("0.0.0.0", 9)
    assert split_address("9000") == ("127.0.0.1", 9000)
    assert split_address("[::]:9") == ("::", 9)
    assert split_address("[::ffff:10.0.0.1]:9") == ("10.0.0.1", 9)
    for text in ("127.0.0.1:9", "[fe80::1%eth0]:9", "[ff02::1]:9", "239.1.2.3%eth0:9"):
        assert join_address(*split_address(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("::1:80", "in brackets"),
        ("[::1]", "HOST:PORT"),
        ("[127.0.0.1]:80", "in brackets"),
        ("[localhost]:80", "in brackets"),
        ("[fe80::1]:80", r"needs its interface, for example \[fe80::1%eth0\]:8000"),
        ("[::1%lo]:80", "only link-local IPv6 and multicast"),
        ("127.0.0.1%lo:80", "only link-local IPv6 and multicast"),
        ("[fe80::1%]:80", "only link-local IPv6 and multicast"),
    ],
)
def test_each_wrong_way_to_write_an_ip_address_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        split_address(text)


def test_the_default_model_is_the_shipped_one() -> None:
    assert Config().model == bundle.DEFAULT
