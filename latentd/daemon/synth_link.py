"""The link to the synth: the outputs that are open, and which one plays. The others carry notes, or stand by."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from latentd.config.config import Config
from latentd.daemon.midi_channel import Mismatch, midi_channel, mismatches
from latentd.daemon.sender import Sender
from latentd.errors import LatentdError
from latentd.osc.address import Address, join_address, loopback
from latentd.osc.packets import Message
from latentd.outputs import Output
from latentd.outputs.amsynth_osc.output import AmsynthOsc, SendTo
from latentd.outputs.amsynth_osc.patch_folder import runtime_folder
from latentd.outputs.amsynth_osc.search import Submit
from latentd.outputs.jack.port import BUDGET_PER_S, JackPort
from latentd.outputs.osc_and_cc import OscAndCc
from latentd.synth import amsynth_config, midimap
from latentd.synth.amsynth import INDEX
from latentd.synth.amsynth_config import AmsynthConfig
from latentd.synth.midimap import Midimap

if TYPE_CHECKING:
    from latentd.outputs.alsa import AlsaOut

log = logging.getLogger(__name__)

# A synth's MIDI port appears a moment before or after its announcement.
_MISSING_S = 5.0


class OutputChoice(Enum):
    """Which output plays, and why. What is not in this table changes nothing:

    state       | event                                 | next state
    UNANNOUNCED | amSynth answers                       | ANSWERING
    REMEMBERED  | amSynth answers                       | ANSWERING
    REMEMBERED  | amSynth gone, its MIDI port connected | SILENT
    ANSWERING   | amSynth has ended a moment ago        | ABSENT
    ANSWERING   | amSynth gone, its MIDI port, too      | ABSENT
    ANSWERING   | amSynth gone, its MIDI port connected | SILENT
    ABSENT      | amSynth answers                       | ANSWERING
    ABSENT      | amSynth gone, its MIDI port connected | SILENT
    SILENT      | amSynth answers                       | ANSWERING
    """

    # name = why, the output that plays (None: `auto` does not choose it)
    CONFIGURED = "as configured", None
    UNANNOUNCED = "MIDI through JACK, until an amSynth is started with NSM_URL={url}", "jack"
    REMEMBERED = "amSynth announced itself here before", "osc"
    ANSWERING = "amSynth answers on its own OSC interface", "osc"
    ABSENT = "amSynth no longer answers on its OSC interface", "osc"
    SILENT = "MIDI through JACK, because amSynth does not answer on its OSC interface", "jack"

    def __init__(self, why: str, plays: str | None) -> None:
        self.why = why
        self.plays = plays

    def following(self, osc: AmsynthOsc, jack: JackPort, now: float) -> OutputChoice:
        """The choice from now on: amSynth's own interface while it answers, MIDI while only that reaches the synth."""
        if self.plays is None:
            return self
        if osc.connected:
            return OutputChoice.ANSWERING
        if self.plays == "osc" and jack.connected and osc.gone(now):
            return OutputChoice.SILENT
        return OutputChoice.ABSENT if self is OutputChoice.ANSWERING else self


class PortState(Enum):
    """See `PortWatch`."""

    PRESENT = auto()
    MISSING = auto()
    WARNED = auto()


class PortWatch:
    """Warns once about an amSynth that answers but has no MIDI port on the JACK server, so that nobody hears it.

    It has outlived its JACK server, or was started before it. What is not in this table changes nothing:

        state   | event           | next state
        PRESENT | missing         | MISSING
        MISSING | missing for 5 s | WARNED
        MISSING | there           | PRESENT
        WARNED  | there           | PRESENT
    """

    def __init__(self) -> None:
        self.state = PortState.PRESENT
        self._since_s = 0.0

    def step(self, missing: bool, now: float) -> bool:
        """Take whether the port is missing at `now`; True: warn."""
        if not missing:
            self.state = PortState.PRESENT
        elif self.state is PortState.PRESENT:
            self.state, self._since_s = PortState.MISSING, now
        elif self.state is PortState.MISSING and now > self._since_s + _MISSING_S:
            self.state = PortState.WARNED
            return True
        return False


class SynthLink:
    """Opens what the configuration asks for, and with `auto` follows what the synth offers.

    Attributes:
        output: the one that plays now.
        channel: the MIDI channel of the controllers, 1..16.
    """

    def __init__(self, config: Config, send: Callable[[bytes, Sender], None], submit: Submit) -> None:
        wanted = config.output
        reached = cc_map(config)
        self._config = config
        self._send_to = send
        self._asking: Sender | None = None  # who sent the last message that may be the synth's
        self._submit = submit
        synth = _amsynth_config(config)
        self.channel = channel = midi_channel(config, synth)
        alsa = _alsa_out(config, reached, channel)
        # With `osc` the JACK port still carries MIDI from controllers, and notes to the synth.
        self.jack = (
            JackPort(
                reached,
                config.jack.client,
                config.jack.playback,
                config.jack.sources,
                config.shaping.budget_per_s or BUDGET_PER_S,
                channel,
                config.jack.keyboards,
            )
            if wanted in ("auto", "osc", "jack")
            else None
        )
        # Last, because its folder would be left behind if another output refused its settings.
        self.osc = _amsynth_osc(config, self._send, submit) if wanted in ("auto", "osc") else None
        opened: tuple[Output | None, ...] = (self.osc, self.jack, alsa, _print(config))
        self._outputs = [output for output in opened if output is not None]
        self._midi = self.jack or alsa
        # What amSynth ignores in the patches of its own interface: name -> the CC that sets it, None where none does.
        self.ignored = {name: reached.cc[INDEX[name]] for name in synth.ignored} if self.osc is not None else {}
        self._by_osc = self._osc_output()
        # How often its port had been connected when the channels were last compared.
        self._connections = 0
        self._logged: set[str] = set()
        self._jack_due = -math.inf
        self._port_watch = PortWatch()
        self._url = f"osc.udp://{join_address(loopback(config.address[0]), config.address[1])}/"
        self._choice = OutputChoice.CONFIGURED
        self.output = self._by_osc or self._outputs[0]
        if wanted == "auto" and self.osc is not None:
            self._play(OutputChoice.UNANNOUNCED if self.osc.address is None else OutputChoice.REMEMBERED)

    @property
    def choice(self) -> OutputChoice:
        """Which output plays, and why."""
        return self._choice

    @property
    def why(self) -> str:
        """Why this output plays, for people."""
        return self._choice.why.format(url=self._url)

    def wake(self) -> None:
        """One of the descriptors is readable, so the next `poll` looks at everything."""
        self._jack_due = -math.inf
        if self.osc is not None:
            self.osc.wake()

    def poll(self, now: float) -> float | None:
        """Housekeeping of every output; with `auto` also the choice of `output`. Returns when to call again."""
        others = [output.poll(now) for output in self._outputs if output is not self.jack]
        wakes = [t for t in others if t is not None]
        if self.jack is not None:
            if now >= self._jack_due:  # each costs several system calls
                self._jack_due = self.jack.poll(now) or math.inf
            wakes.append(self._jack_due)
        if self._midi is not None and self._midi.connections != self._connections:
            self._connections = self._midi.connections
            self._submit(partial(_mismatches, self._config, self._midi.channel), self._log_mismatches)
        if self.osc is not None and self.jack is not None:
            self._choose(self.osc, self.jack, now)
        if self._port_watch.step(self.port_missing, now):
            log.warning(
                "amSynth answers, but its MIDI port is not on this JACK server: if you do not hear it, restart it"
            )
        return min(wakes, default=None)

    def _osc_output(self) -> Output | None:
        """amSynth's own interface, with CCs beside it for what amSynth ignores there; that goes to the log."""
        if self.osc is None or self.jack is None or not self.ignored:
            return self.osc
        for line in ignored_lines(self.ignored):
            log.warning("%s", line)
        return OscAndCc(self.osc, self.jack, [INDEX[name] for name in self.ignored])

    def _log_mismatches(self, found: object) -> None:
        """Log each once, however often the synth comes back."""
        for mismatch in found if isinstance(found, list) else ():
            if mismatch.step not in self._logged:
                self._logged.add(mismatch.step)
                log.warning("%s. %s, then restart latentd", *mismatch)

    @property
    def port_missing(self) -> bool:
        """amSynth answers on its own interface, but its MIDI port is not on the JACK server that runs."""
        osc, jack = self.osc, self.jack
        return osc is not None and jack is not None and osc.connected and jack.running and not jack.connected

    def _choose(self, osc: AmsynthOsc, jack: JackPort, now: float) -> None:
        before, choice = self._choice, self._choice.following(osc, jack, now)
        if choice is not before:
            self._play(choice)
            if (before.plays, choice.plays) == ("jack", "osc"):
                jack.release()

    def _play(self, choice: OutputChoice) -> None:
        """Carry out a choice of `auto`, which has both outputs."""
        assert self._by_osc is not None and self.jack is not None
        self._choice = choice
        self.output = self._by_osc if choice.plays == "osc" else self.jack

    def receive(self, message: Message, sender: Sender, now: float) -> bool:
        """Take a message from the synth; False: it is none."""
        if self.osc is None:
            return False
        self._asking = sender
        return self.osc.receive(message, sender.address, now)

    def _send(self, packet: bytes, to: Address) -> None:
        """Send to the synth, from where it asked last; one that has not asked yet, from anywhere."""
        asking = self._asking
        self._send_to(packet, asking if asking is not None and asking.address == to else Sender(*to))

    def take_midi(self) -> list[tuple[bytes, float]]:
        """What arrived at latentd:midi_in, with monotonic arrival times."""
        return self.jack.take_midi() if self.jack is not None else []

    @property
    def carries_notes(self) -> bool:
        """An output that carries notes is connected to the synth."""
        return any(output.facts().get("connected") for output in self._outputs if output is not self.osc)

    @property
    def notes_connection(self) -> int | None:
        """Which connection carries notes to the synth, counted anew after each restart; None: none does."""
        midi = self._midi
        if midi is None:
            return 0  # printed
        if not midi.connected or (midi is self.jack and self.jack.stalled):
            return None
        return midi.connections

    @property
    def notes_problem(self) -> str:
        """Why notes do not reach the synth; empty if that is unknown."""
        return "" if self._midi is None else str(self._midi.facts()["problem"])

    def note(self, status: int, data1: int, data2: int) -> bool:
        """Send a note or channel message through the first output that carries any."""
        return any(output.note(status, data1, data2) for output in self._outputs)

    def filenos(self) -> list[int]:
        """Descriptors to watch; readable means `take_midi` and `poll`."""
        return [fd for output in self._outputs for fd in output.filenos()]

    def counts(self) -> dict[str, int]:
        """Counted over all outputs: synths and servers that came back, whole patches sent again."""
        facts = [output.facts() for output in self._outputs]
        connections = [_number(found, "connections") for found in facts]
        return {
            "reconnects": sum(max(n - 1, 0) for n in connections),
            "resent": sum(_number(found, "resent") for found in facts),
        }

    def patterns_without_port(self) -> dict[str, list[str]]:
        """The patterns of the configuration that match no MIDI port now, by key."""
        return self._midi.patterns_without_port if self._midi is not None else {}

    def facts(self) -> dict[str, object]:
        """Each open output by name, for status."""
        extra = {"osc": {"ignored": self.ignored}} if self.ignored else {}
        return {output.name: output.facts() | extra.get(output.name, {}) for output in self._outputs}

    def close(self) -> None:
        """Close every output, the last opened first."""
        for output in reversed(self._outputs):
            output.close()


def _number(facts: dict[str, object], name: str) -> int:
    value = facts.get(name, 0)
    return value if isinstance(value, int) else 0


def cc_map(config: Config) -> Midimap:
    """Which CC sets which parameter of the running amSynth, by the controllers file that amSynth reads.

    A file in amSynth's own place that latentd cannot read is a warning: no CC is sent, because each could set another
    parameter than the one that is meant. amSynth's OSC interface does not need the file.

    Raises:
        LatentdError: the file that the configuration names is missing or cannot be read.
    """
    if config.controllers:
        return midimap.read_required(Path(config.controllers).expanduser())
    if config.output == "print":
        return midimap.BUILT_IN
    try:
        found = midimap.installed()
    except LatentdError as error:
        log.warning("no MIDI CC will be sent, because it is unknown what they set: %s", error)
        return midimap.EMPTY
    return found[1] if found else midimap.BUILT_IN


def _amsynth_config(config: Config) -> AmsynthConfig:
    """The settings of amSynth's own config file; a file that cannot be read is a warning."""
    if config.output == "print":
        return AmsynthConfig()
    try:
        return amsynth_config.installed()
    except LatentdError as error:
        log.warning(
            "it is unknown which MIDI channel amSynth listens to, and which parameters presets do not change: %s", error
        )
        return AmsynthConfig()


def ignored_lines(ignored: Mapping[str, int | None]) -> list[str]:
    """A line for what amSynth ignores in patches (name -> the CC that sets it), apart for what no CC reaches either."""
    cause = "amSynth's config file has `ignored_parameters`:"
    by_cc = [f"{name} (CC {cc})" for name, cc in ignored.items() if cc is not None]
    lost = [name for name, cc in ignored.items() if cc is None]
    lines = [f"{cause} no patch changes {', '.join(by_cc)}; latentd sends the CC through JACK"] if by_cc else []
    step = "Remove them there or run `latentd midimap --install`, then restart amSynth and latentd"
    return lines + ([f"{cause} neither a patch nor a CC changes {', '.join(lost)}. {step}"] if lost else [])


def _alsa_out(config: Config, reached: Midimap, channel: int) -> AlsaOut | None:
    """ALSA's MIDI output; imported only when chosen."""
    if config.output != "alsa":
        return None
    from latentd.outputs.alsa import AlsaOut

    return AlsaOut(config.alsa.out, reached, channel=channel)


def _print(config: Config) -> Output | None:
    """The dry run; imported only when chosen."""
    if config.output != "print":
        return None
    from latentd.outputs.print import Print, standard_output

    return Print(standard_output())


def _mismatches(config: Config, plays: int) -> list[Mismatch]:
    """In the background thread: reading /proc takes milliseconds."""
    return list(mismatches(config, plays))


def _amsynth_osc(config: Config, send: SendTo, submit: Submit) -> AmsynthOsc:
    port = config.address[1]
    return AmsynthOsc(send, runtime_folder(port), config.state_folder / f"amsynth-{port}.json", submit, port)
