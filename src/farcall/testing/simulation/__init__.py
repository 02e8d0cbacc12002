"""A world in which the dispatch core lives through what may happen, on a virtual clock, from one seed.

The core and its rules are the real ones; store, links, workers and callers are played here, with faults: processes
that die, freeze, are cut off and return; a hub that is killed before and after a commit; commits that fail; messages
that are lost with their connection or said twice; clocks that jump; cancels and revocations. `checks` looks at every
event.

`schedule.run(seed)` is the door. A seed always gives the same history. Not here: sockets, threads, real time.
"""
