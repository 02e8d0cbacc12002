"""Values to bytes and back: the typed msgpack codec, canonical form and digests.

Bottom layer: standard library and msgspec; numpy only when a value needs it. What cannot travel is refused here, naming
the place. Not here: sockets, files other than values by content, interfaces, anything that knows of hubs or workers.
"""
