"""Our descriptors against the published package, in one run: seconds a clip, and how far the values are apart.

    python -m tests.bench.bench_timbre [--clips N] [--reference PYTHON]

It renders presets of amSynth's banks, describes them here, and lets PYTHON (an environment with the package, made in
build/timbral where none is named) describe the same files. One core each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from latentd.offline.render.pool import render
from latentd.offline.timbre import describe
from latentd.synth import banks

# The last versions that the package ran with, on Python 3.11.
PINS = (
    "setuptools<70", "wheel", "numpy==1.23.5", "scipy==1.10.1", "librosa==0.9.2", "scikit-learn==1.2.2",
    "pyloudnorm==0.1.1", "soundfile", "six",
)  # fmt: skip
ENVIRONMENT = Path("build/timbral")
REFERENCE = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import timbral_models as tm
models = [tm.timbral_hardness, tm.timbral_depth, tm.timbral_brightness, tm.timbral_roughness, tm.timbral_warmth,
          tm.timbral_sharpness, tm.timbral_booming]
[model(sys.argv[1], clip_output=False) for model in models]  # compiles what it compiles
for file in sys.argv[1:]:
    start = time.process_time()
    values = [float(model(file, clip_output=False)) for model in models]
    print(json.dumps([values, time.process_time() - start]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--reference", type=Path, help="a Python that has timbral_models")
    options = parser.parse_args()
    python = options.reference or _environment()
    with tempfile.TemporaryDirectory() as folder:
        files = _clips(Path(folder), options.clips)
        ours, our_s = _ours(files)
        theirs, their_s = _theirs(python, files)
    apart = np.abs(ours - theirs)
    print(f"{len(files)} clips of 4 s, stereo, 48 kHz; processor time of one core")
    print(f"latentd         median {np.median(our_s):.3f} s, worst {max(our_s):.3f} s a clip")
    print(f"timbral_models  median {np.median(their_s):.3f} s, worst {max(their_s):.3f} s a clip")
    for name, column in zip(describe.DESCRIPTORS, apart.T, strict=True):
        print(f"{name:<11} apart: median {np.median(column):.6f}, worst {column.max():.4f}")


def _environment() -> Path:
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PINS], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "timbral-models==0.4.0"], check=True)
    return python


def _clips(folder: Path, count: int) -> list[Path]:
    presets = [preset for file in banks.bank_files([banks.system_folder()]) for preset in banks.read(file)]
    chosen = np.random.default_rng(0).choice(len(presets), count, replace=False)
    files = []
    for n, audio in enumerate(render(presets[k].patch() for k in chosen)):
        files.append(folder / f"{n}.wav")
        soundfile.write(files[-1], audio, 48000, subtype="FLOAT")
    return files


def _ours(files: list[Path]) -> tuple[np.ndarray, list[float]]:
    clips = [soundfile.read(file) for file in files]
    describe.describe(*clips[0])
    values, seconds = [], []
    for clip in clips:
        start = time.process_time()
        values.append(describe.describe(*clip)[:7])
        seconds.append(time.process_time() - start)
    return np.array(values), seconds


def _theirs(python: Path, files: list[Path]) -> tuple[np.ndarray, list[float]]:
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    done = subprocess.run(
        [python, "-c", REFERENCE, *map(str, files)], env=os.environ | one, capture_output=True, text=True, check=True
    )
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[")]
    return np.array([row[0] for row in rows]), [row[1] for row in rows]


if __name__ == "__main__":
    main()
