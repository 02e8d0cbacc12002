"""How the property tests choose their examples: the same ones every time, unless new ones are asked for (make fuzz)."""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, print_blob=True)
settings.register_profile("searching", derandomize=False, print_blob=True)
settings.load_profile("repeatable")
