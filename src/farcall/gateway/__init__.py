"""How the outside reaches the hub: HTTP, WebSocket, server-sent events. Thin.

It authenticates, parses, hands on and answers. Not here: rules, queues, SQL.
"""
