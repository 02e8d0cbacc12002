"""The only place that builds a hub or a worker from its parts: `hub` and `worker` put together, `running` lets live.

Each is imported by whoever needs it: a worker needs nothing of what a hub is made of.
"""
