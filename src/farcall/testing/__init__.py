"""Public help for tests: an in-process hub, fakes of the ports, a contract suite for every port, the simulation.

Shipped, so that whoever writes an adapter can prove it. Not here: tests of farcall itself.
"""
