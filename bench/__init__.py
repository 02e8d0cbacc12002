"""The benchmark: farcall and its peers measured in one run, so that ratios hold although machines drift.

`python -m bench` runs each subject in a process of its own, prints a table and writes `bench/results.json`.
Here belong the method, one file per peer, and farcall's own figures. Not here: load tests and profiles.
Not shipped.
"""
