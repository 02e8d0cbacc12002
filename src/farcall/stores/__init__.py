"""The hub's memory: SQLite, blobs as files, the wake-up bus. Each is an adapter of a port in `hub.ports`.

Commands with an outcome per item; SQL lives in named files. Not here: decisions; SQL may filter by a scope.
"""
