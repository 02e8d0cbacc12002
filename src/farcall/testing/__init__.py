"""Public help for tests: an in-process hub, fakes of the ports, contract suites for them, the simulation.

`hub` runs a whole hub in a thread; `memory_store` and `memory_files` are the fakes; `contracts` holds what every
adapter of a port must do; `simulation` lets the dispatch core live through faults. Shipped, so that whoever writes an
adapter can prove it. Not here: tests of farcall itself.
"""
