"""The shipped mappings, their table, their schema, and `latentd check`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from latentd.cli.check import command as check
from latentd.errors import LatentdError, UserError
from latentd.inputs import mapping, midi_spec
from latentd.inputs.mapping import load_mapping, load_mappings, shipped_mappings
from latentd.inputs.receiver import Inputs
from latentd.instrument.gesture_settings import Filter, GestureSettings
from latentd.schema.documents import Strict, parse_document
from latentd.status import Counters
from latentd.system import resources

README = resources.folder("mappings") / "README.md"
NAMES = [path.stem for path in shipped_mappings()]


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_mapping_is_valid_and_states_its_sources(name: str) -> None:
    loaded = load_mapping(name)
    assert loaded.name == name
    lines = loaded.path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# yaml-language-server: $schema=mapping.schema.json"
    head = " ".join(line for line in lines if line.startswith("#"))
    assert re.search("CONFIRMED|PROBABLE|CONFLICT", head), (
        "its first lines must state what is known, and from which source"
    )
    assert max(map(len, lines)) <= 120
    Inputs([loaded], Counters())


def test_variants_name_each_other() -> None:
    for path in shipped_mappings():
        text = path.read_text(encoding="utf-8")
        if "CONFLICT" in text:
            family = path.stem.split("-")[0]
            others = [name for name in NAMES if name != path.stem and name.startswith(family) and name in text]
            assert others, f"{path.name} must name the file with the other variant"


def test_the_table_lists_exactly_the_files() -> None:
    rows = re.findall(r"^\| \[([\w-]+)\]\(([\w-]+)\.yaml\) \| (.+) \|$", README.read_text(encoding="utf-8"), re.M)
    assert [row[0] for row in rows] == NAMES
    for name, file, title in rows:
        assert file == name
        assert title == load_mapping(name).file.title


def test_no_file_is_for_a_device_that_the_guide_lists_as_missing_and_every_reference_has_a_file() -> None:
    lists = README.read_text(encoding="utf-8").split("## Writing one")[0]
    here, not_here = lists.split("### Not here")
    unknown = re.split(r",\s", not_here.split("these send: ")[1].split(".\n\nWhat")[0])
    assert len(unknown) > 10
    shipped_text = "".join(path.read_text(encoding="utf-8") for path in shipped_mappings())
    assert [name for name in unknown if name in shipped_text] == []
    pointed_to = re.findall(r"`([a-z0-9-]+)`", lists.split("Some devices")[1])
    assert "mackie" in here
    assert set(pointed_to) <= set(NAMES)


def test_the_guide_explains_every_key() -> None:
    text = README.read_text(encoding="utf-8")
    models: list[type[Strict]] = [
        *(mapping.MappingFile, mapping.OscSection, mapping.OscMessage, mapping.TuioSection, mapping.MidiSection),
        *(mapping.MidiTouch, mapping.Pads, mapping.MpeSection, mapping.LinnStrumentSection, GestureSettings, Filter),
        *(midi_spec.Cc, midi_spec.Nrpn, midi_spec.Bend, midi_spec.Pressure, midi_spec.Difference),
    ]
    for model in models:
        for key in model.model_fields:
            assert re.search(rf"`{key}`|[{{ ,`]{key}: ", text), f"{model.__name__}.{key}"
    for coding in midi_spec.CODINGS:
        assert f"`{coding}`" in text


def test_the_example_of_the_guide_works(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    path = tmp_path / "example.yaml"
    path.write_text(text.split("```yaml\n")[1].split("```")[0])
    assert load_mapping(str(path)).gesture.invert_y


def test_the_schema_for_editors_is_current() -> None:
    stored = json.loads((resources.folder("mappings") / "mapping.schema.json").read_text(encoding="utf-8"))
    assert stored == mapping.schema(), "renew it: latentd check --schema > mappings/mapping.schema.json"


def test_the_schema_requires_exactly_one_section() -> None:
    assert mapping.schema()["oneOf"] == [
        {"required": [f"{name}"]} for name in ("osc", "tuio", "midi", "mpe", "linnstrument")
    ]


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UserError, match="touchosc-mk2"):
        load_mapping("touchosc-mk3")
    with pytest.raises(UserError, match="No such file"):
        load_mapping("./nowhere.yaml")


def test_an_unknown_name_gets_the_file_that_lies_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mypad.yaml").touch()
    with pytest.raises(UserError, match=r"'mypad'\. Did you mean \./mypad\.yaml\?$"):
        load_mapping("mypad")
    with pytest.raises(UserError, match="Did you mean mpd-pads"):
        load_mapping("mpd")
    with pytest.raises(UserError) as caught:
        load_mapping("qqqqqq")
    assert len(caught.value.hint.split(",")) == 8
    assert f"and {len(NAMES) - 8} more" in caught.value.hint


@pytest.fixture
def pads(tmp_path: Path) -> Path:
    """A folder with mappings whose names are taken, and one that has a mistake besides."""
    for name in ("xy", "pad", "latentd"):
        (tmp_path / f"{name}.yaml").write_text("title: t\ntuio: {}\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "pad.yml").write_text("title: t\ntuio: {version: 3}\n")
    return tmp_path


def test_mappings_of_one_name_are_refused_and_other_mistakes_listed(pads: Path) -> None:
    first, second = f"{pads}/pad.yaml", f"{pads}/other/pad.yml"
    with pytest.raises(UserError) as caught:
        load_mappings(["xy", f"{pads}/xy.yaml", first, second, first, "touchosc-mk3"])
    twice, alike, again, version, unknown = str(caught.value).splitlines()
    assert twice.startswith(f"{pads}/xy.yaml: xy has the same name, 'xy'")
    assert twice.endswith("Rename the file, or remove one")
    assert alike.startswith(f"{second}: {first} has the same name, 'pad'")
    assert again == f"{first}: listed twice. Remove one"
    assert version == f"{second}:2: tuio.version: found 3; must be 1 or 2"
    assert unknown.startswith("There is no mapping 'touchosc-mk3'. Did you mean")
    assert [mapping.name for mapping in load_mappings(["xy", first])] == ["xy", "pad"]


def test_the_control_interfaces_name_is_reserved(pads: Path) -> None:
    with pytest.raises(UserError, match=r"latentd\.yaml:1: the file: the name latentd is reserved .* Rename the file$"):
        load_mapping(f"{pads}/latentd.yaml")


def test_check_reports_names_that_are_in_use(pads: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = pads / "config.yaml"
    config.write_text("mappings:\n- xy\n- xy.yaml\n- latentd.yaml\n")
    assert run_check("--config", str(config)) == 2
    taken, reserved = capsys.readouterr().err.splitlines()
    assert taken.startswith(f"{config}:3: mappings[1]: {pads}/xy.yaml: xy has the same name")
    assert reserved.startswith(f"{config}:4: mappings[2]: {pads}/latentd.yaml:1: the file: the name latentd")


def test_check_reads_the_controllers_file_of_a_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("model: timbre\ncontrollers: mine\n")
    assert run_check("--config", str(config)) == 2
    assert capsys.readouterr().err.startswith(f"{config}:2: controllers: {tmp_path}/mine: no such controllers file. ")
    (tmp_path / "mine").mkdir()
    assert run_check("--config", str(config)) == 2
    assert capsys.readouterr().err.startswith(f"{config}:2: controllers: {tmp_path}/mine: Is a directory")


def test_check_reports_a_missing_alsa_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("output: alsa\n")
    assert run_check("--config", str(config)) == 2
    assert capsys.readouterr().err.startswith(f"{config}:1: alsa.out: is empty, and `output: alsa` needs it. ")


def test_check_reads_the_files_of_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("mappings:\n- xy\n- touchosc-mk3\n- mine/pad.yaml\nfeedback_port: 0\nmodel: timbr\nmodle: x\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pad.yaml").write_text("title: t\n")
    assert run_check("--config", str(config)) == 2
    mapping_name, mapping_file, port, model, key = capsys.readouterr().err.splitlines()
    assert mapping_name.startswith(
        f"{config}:3: mappings[1]: There is no mapping 'touchosc-mk3'. Did you mean touchosc-mk2"
    )
    assert mapping_file.startswith(f"{config}:4: mappings[2]: {tmp_path}/mine/pad.yaml:1: ")
    assert port == f"{config}:5: feedback_port: found 0; must be at least 1"
    assert model.startswith(f"{config}:6: model: No model named 'timbr'. Did you mean timbre? There are: ")
    assert key == f"{config}:7: modle: unknown key; did you mean model?"


@pytest.mark.parametrize("text", ["- a list", "model: 3\nmappings: xy", "mappings: [[xy]]\nmodel: {a: 1}"])
def test_check_takes_a_configuration_of_any_shape(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    assert run_check("--config", str(config)) == 2
    assert f"{config}:1: " in capsys.readouterr().err


def test_check_alone_checks_the_users_own_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config = tmp_path / "latentd" / "config.yaml"
    config.parent.mkdir()
    config.write_text("output: osc\n")
    assert run_check() == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[-1], len(lines)) == (f"{config}: ok", len(NAMES) + 1)
    config.write_text("mappings: [xyz]\n")
    assert run_check() == 2
    assert capsys.readouterr().err == f"{config}:1: mappings[0]: There is no mapping 'xyz'. Did you mean xy?\n"
    assert run_check("xy") == 0  # only the given files are checked


def run_check(*arguments: str) -> int:
    code: int = check.main(list(arguments), standalone_mode=False)
    return code


def test_check_says_ok_for_everything_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert run_check() == 0
    assert capsys.readouterr().out.count(": ok\n") == len(NAMES)


def test_check_lists_every_mistake_of_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, worse, config = tmp_path / "bad.yaml", tmp_path / "worse.yaml", tmp_path / "config.yaml"
    bad.write_text("title: t\ntuio: {version: 3}\nnothing: 1\n")
    worse.write_text("title: t\nosc: {}\n")
    config.write_text("modle: x\n")
    assert run_check(str(bad), str(worse), "--config", str(config)) == 2
    keys = [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()]
    assert keys == ["tuio.version", "nothing", "osc.messages", "modle"]


def test_check_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("title: t\n")
    assert run_check(str(bad), "xy", "--json") == 2
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["ok"], len(first["faults"]), second) == (False, 1, {"file": "xy", "ok": True, "faults": []})


def test_check_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check("--schema") == 0
    assert json.loads(capsys.readouterr().out) == mapping.schema()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("midi: {pads: {lowest: 112, columns: 4, rows: 4}}", ""),
        ("midi: {pads: {lowest: 113, columns: 4, rows: 4}}", "the last pad would be note 128, above 127"),
        ("midi: {pads: {lowest: 12, columns: 4, rows: 8, row_step: 16}}", ""),
        ("midi: {pads: {lowest: 13, columns: 4, rows: 8, row_step: 16}}", "note 128"),
        ("midi: {pads: {lowest: 0, columns: 2, rows: 2}, x: {cc: 1}}", "remove these keys"),
        ("midi: {pads: {lowest: 0, columns: 2, rows: 2}, y: {cc: 1}}", "remove these keys"),
        ("midi: {pads: {lowest: 0, columns: 2, rows: 2}, touch: {cc: 1}}", "remove these keys"),
        ("midi: {x: {cc: 1}}", "x and y"),
        ("midi: {y: {cc: 1}}", "x and y"),
        ("midi: {x: {cc: 31, bits: 14}, y: {cc: 0}}", ""),
        ("midi: {x: {cc: 32, bits: 14}, y: {cc: 0}}", "0 to 31"),
        ("midi: {x: {cc: 1, lsb_first: true}, y: {cc: 0}}", "bits: 14"),
        ("midi: {x: {cc: 1, bits: 14, relative: centred-16}, y: {cc: 2, relative: centred-16}}", "7 bits"),
        ("midi: {x: {cc: 1, relative: centred-16}, y: {cc: 2}}", "both be relative"),
        ("midi: {x: {cc: 1}, y: {cc: 2}, touch: {note: 1, cc: 3}}", "exactly one of note, cc, pressure"),
        ("midi: {x: {cc: 1}, y: {cc: 2}, touch: {on_from: 1}}", "exactly one of note, cc, pressure"),
        ("tuio: {}\nmpe: {}", "exactly one of the sections"),
    ],
)
def test_what_contradicts_itself_is_named(text: str, message: str) -> None:
    """The limits themselves are fine."""
    document = f"title: t\n{text}\n"
    if not message:
        parse_document(document, "t", mapping.MappingFile)
        return
    with pytest.raises(LatentdError, match=re.escape(message)):
        parse_document(document, "t", mapping.MappingFile)


@pytest.mark.parametrize("title", ["a|b", "a\\nb", "a\\tb", "\\e[31m"])
def test_a_title_is_one_line_of_a_table(title: str) -> None:
    with pytest.raises(LatentdError, match="one line without"):
        parse_document(f'title: "{title}"\ntuio: {{}}\n', "t", mapping.MappingFile)
