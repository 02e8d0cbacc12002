"""What callers import: functions that feel local, invocations, maps, streams, the executor.

`catalog.py` is behind `farcall.catalog`; `config.py` finds hub and token by itself. One core serves sync and async.
Never imports `hub`, `runtimes` or `sandbox`. Not here: anything that serves.
"""
