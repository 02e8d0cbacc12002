"""The dispatch core: a pure state machine, `Core.handle(event, now) -> effects`.

Imports only `domain`. No I/O, no clock, no randomness but a seeded one. Transitions are tables; an impossible one
raises. Not here: carrying out effects, SQL, sockets, access decisions.

Who is right about what:

- *The store* about what is accepted, flagged and ended. The core proposes (`Commit…`) and believes what comes back;
  the answers must be given to it in the order of its commands. An end is told to caller and worker after its commit
  only.
- *The core* about which attempt is current: the one whose fence its entry has. Whatever bears another fence is stale.
- *The worker* about what has started, what has stopped, and, by what it resumes, what it still holds.
- *Time* ends what nobody speaks for: the lease of a silent worker, the grace of one that is away, a back-off, an
  expiry.

An entry is in the window from submission until its end is committed. It is in exactly one place: being recorded, in
its lane, backing off, with a worker (`leasing` first, if that is recorded before the offer), or ending. What does not
fit in the window is in the store only, counted by its lane, and claimed when its turn is near.

Files: `core` is the door; `intake, window, outcomes, retries, cancels, leases, presence, recovery, commits, versions`
each handle some events; `lanes, pump, placement, eligibility` decide turns and places; `ends, waits, liveness` are
the rules that several share; `records, state, outbox, timers` hold things; `explain` tells.
"""
