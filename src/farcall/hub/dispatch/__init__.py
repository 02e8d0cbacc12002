"""The dispatch core: a pure state machine, `handle(event, now) -> effects`.

Imports only `domain`. No I/O, no clock, no randomness but a seeded one. Transitions are tables; an impossible one raises.
Not here: carrying out effects, SQL, sockets, access decisions.
"""
