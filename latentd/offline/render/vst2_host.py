"""A host for one VST2 instrument that changes its parameters from block to block.

DawDreamer automates only parameters that a plugin declares as automatable, and amSynth's declares none; rendering in
pieces resets it. The interface has a few functions (amSynth is built with the free header `vestige/aeffect.h`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import CFUNCTYPE, POINTER, Structure, c_char, c_float, c_int, c_int32, c_ssize_t, c_void_p
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_OPEN, _SET_RATE, _SET_BLOCK, _MAINS, _EVENTS = 0, 10, 11, 12, 25  # opcodes of the dispatcher
_ASKED_VERSION, _VERSION = 1, 2400  # of the host
_MIDI_EVENT = 1
_CHANNELS = 2

_Audio = POINTER(POINTER(c_float))


class _Effect(Structure):
    _fields_ = (
        ("magic", c_int),
        ("dispatcher", CFUNCTYPE(c_ssize_t, c_void_p, c_int, c_int, c_ssize_t, c_void_p, c_float)),
        ("process", c_void_p),
        ("set_parameter", CFUNCTYPE(None, c_void_p, c_int, c_float)),
        ("get_parameter", CFUNCTYPE(c_float, c_void_p, c_int)),
        ("programs", c_int),
        ("parameters", c_int),
        ("inputs", c_int),
        ("outputs", c_int),
        ("flags", c_int),
        ("reserved", c_void_p * 2),
        ("delay", c_char * 12),
        ("ratio", c_float),
        ("object", c_void_p),
        ("user", c_void_p),
        ("identifier", c_int32),
        ("version", c_int32),
        ("process_replacing", CFUNCTYPE(None, c_void_p, _Audio, _Audio, c_int)),
    )


class _MidiEvent(Structure):
    _fields_ = (
        ("type", c_int),
        ("size", c_int),
        ("frame", c_int),
        ("flags", c_int),
        ("length", c_int),
        ("offset", c_int),
        ("data", c_char * 4),
        ("rest", c_char * 4),
    )


class Vst2Host:
    """One instance of the plugin; it ends with its process."""

    def __init__(self, plugin: Path, rate: int, block: int) -> None:
        library = ctypes.CDLL(str(plugin))
        asked = CFUNCTYPE(c_ssize_t, c_void_p, c_int, c_int, c_ssize_t, c_void_p, c_float)
        self._callback = asked(lambda _effect, opcode, *_: _VERSION if opcode == _ASKED_VERSION else 0)
        library.VSTPluginMain.restype = POINTER(_Effect)
        self._effect = library.VSTPluginMain(self._callback)
        self._block = block
        self._audio = np.zeros((_CHANNELS, block), np.float32)
        pointers = [row.ctypes.data_as(POINTER(c_float)) for row in self._audio]
        self._pointers = (POINTER(c_float) * _CHANNELS)(*pointers)
        self._dispatch(_OPEN)
        self._dispatch(_SET_RATE, option=float(rate))
        self._dispatch(_SET_BLOCK, value=block)
        self._dispatch(_MAINS, value=1)

    def set_parameter(self, index: int, value: float) -> None:
        """Set a parameter, in 0..1."""
        self._effect.contents.set_parameter(self._effect, index, value)

    def send(self, messages: Sequence[tuple[int, int, int]]) -> None:
        """MIDI messages, at the start of the next block."""
        events = [_MidiEvent(_MIDI_EVENT, ctypes.sizeof(_MidiEvent), 0, 0, 0, 0, bytes(data)) for data in messages]

        class Events(Structure):
            _fields_ = (("count", c_int), ("reserved", c_ssize_t), ("events", POINTER(_MidiEvent) * len(events)))

        held = Events(len(events), 0, (POINTER(_MidiEvent) * len(events))(*map(ctypes.pointer, events)))
        self._dispatch(_EVENTS, pointer=ctypes.cast(ctypes.pointer(held), c_void_p))

    def process(self) -> NDArray[np.float32]:
        """The audio (2, block) of the next block; valid until the next call."""
        self._effect.contents.process_replacing(self._effect, self._pointers, self._pointers, self._block)
        return self._audio

    def _dispatch(self, opcode: int, value: int = 0, pointer: c_void_p | None = None, option: float = 0.0) -> None:
        self._effect.contents.dispatcher(self._effect, opcode, 0, value, pointer, option)
