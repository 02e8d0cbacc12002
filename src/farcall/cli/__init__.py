"""The command line: one file per command group.

Belongs here: options, prompts, tables, exit codes. Does not belong here: what a command makes happen; that is the
client's (over REST and the channel), the worker's, or `assemble`'s.
"""

from __future__ import annotations


def main() -> None:
    """Entry point of the `farcall` command."""
    from farcall.cli.root import farcall

    farcall(prog_name="farcall")
