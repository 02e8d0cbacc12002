"""Dialling a hub: TLS, proxies, back-off, reconnecting. Shared by client and worker.

Not here: what is said once the line is open (`wire`), and what it means (`client`, `worker`, `hub`).
"""
