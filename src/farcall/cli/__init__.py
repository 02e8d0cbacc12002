"""The command line, one file per command group. It parses, calls, prints, and turns errors into exit codes.

Imports stay lazy: `farcall --help` answers within 150 ms. Not here: logic that somebody could need without a terminal.
"""
