"""How a worker lives: its connection, slots, attempts, outbox, leases, and how it stops.

It dials out and never imports `hub`. Not here: how a function runs (`runtimes`), what is said (`wire`).
"""
