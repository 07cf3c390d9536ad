"""Seven timbral descriptors, loudness, silence and onsets of a sound; see `describe`.

It needs numpy, scipy and pyloudnorm, and nothing of the synth:

    from latentd.offline.timbre import describe
    describe(samples, 48000).brightness

The descriptors are those of the AudioCommons timbral models 0.4 (A. Pearce, T. Brookes, R. Mason, University of Surrey),
whose package no longer installs. They are regressions on listening tests, so every step that the published models take
counts, odd ones included: what they compute is kept, how they compute it is not.
"""

from latentd.offline.timbre.describe import DESCRIPTORS, Description, Undescribable, describe, measure
from latentd.offline.timbre.mel import distance as log_mel_distance

__all__ = ["DESCRIPTORS", "Description", "Undescribable", "describe", "log_mel_distance", "measure"]
