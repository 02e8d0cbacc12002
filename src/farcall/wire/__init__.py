"""What is said between processes: frames, REST bodies, and sans-I/O sessions for both ends.

Belongs here: the shape of every message and the order in which messages may come, tested on bytes. Does not belong
here: sockets, threads, stores, what a message makes happen.
"""
