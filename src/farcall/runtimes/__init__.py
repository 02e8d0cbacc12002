"""How each kind of function runs; `ports.py` is the contract of a runtime.

`python_process` runs served Python: one guest process per slot. Not here: confinement (`sandbox`), the process itself
(`guest`), leases and outboxes (`worker`), queues (`hub`).
"""
