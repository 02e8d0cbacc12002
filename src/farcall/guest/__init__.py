"""The process that runs a function: it receives an attempt, runs it, and sends back what came of it.

Inside a sandbox it sees only `payload` and `authoring`. What it says is parsed as hostile by whoever started it.
Not here: hubs, tokens, leases, retries.
"""
