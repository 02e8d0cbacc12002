"""How the property tests choose their examples: the same ones every time, unless new ones are asked for (make fuzz).

No example has to be quick: how long one takes belongs to the machine.
"""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, print_blob=True, deadline=None)
settings.register_profile("searching", derandomize=False, print_blob=True, deadline=None)
settings.load_profile("repeatable")
