"""What the control plane does, one file per use case: accept, place, record, share, explain.

What it needs from outside stands in `ports`. `dispatch` is its pure core.
Not here: HTTP, WebSockets, SQL, files, processes: those are adapters in `gateway`, `stores` and `worker`.
"""
