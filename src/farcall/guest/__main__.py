"""``python -m farcall.guest``: started by a worker, never by hand."""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import socket
from pathlib import Path

from farcall.guest import native
from farcall.guest.board import Board
from farcall.guest.channel import Channel
from farcall.guest.interrupts import Interrupts
from farcall.guest.output import Native
from farcall.guest.serving import run_guest

SECRET_VARIABLE = "FARCALL_GUEST_SECRET"


def main() -> int:
    """Connect to the starter as the arguments say, and serve."""
    parser = argparse.ArgumentParser(prog="farcall.guest")
    parser.add_argument("--board", required=True, type=Path)
    parser.add_argument("--channel", type=int, help="descriptor of a connected socket")
    parser.add_argument("--port", type=int, help="loopback port of the starter, where descriptors can't be inherited")
    parser.add_argument("--tokens", type=int, help="descriptor of the pipe of tokens")
    parser.add_argument("--outputs", help="reading ends of the pipes behind stdout and stderr: 7,9")
    options = parser.parse_args()
    faulthandler.enable()
    native.prepare()
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    board = Board(options.board)
    interrupts = Interrupts(board)
    channel = Channel(_connect(options), interrupts)
    outputs = None
    if options.outputs:
        descriptors = [int(part) for part in options.outputs.split(",")]
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        outputs = Native(*descriptors)
    if options.tokens is not None:
        os.set_inheritable(options.tokens, False)
    return run_guest(channel, board, interrupts, options.tokens, outputs)


def _connect(options: argparse.Namespace) -> socket.socket:
    if options.channel is not None:
        os.set_inheritable(options.channel, False)
        return socket.socket(fileno=options.channel)
    connection = socket.create_connection(("127.0.0.1", options.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(bytes.fromhex(os.environ.pop(SECRET_VARIABLE)))
    return connection


if __name__ == "__main__":
    code = main()
    # Threads of user code shall not keep a guest alive that has nothing more to do.
    os._exit(code)
