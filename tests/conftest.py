"""How Hypothesis searches: never against the clock, and on CI the same examples each time: green stays green.

And Ctrl-C as programs know it: a shell's background job ignores it, and so would every program that a test starts.
"""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("ci", settings.get_profile("here"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

signal.signal(signal.SIGINT, signal.default_int_handler)
