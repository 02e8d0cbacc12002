"""Farcall: import a function that runs on someone else's machine. Their code stays there.

Here belong only the public names, handed out lazily so that `import farcall` stays fast. No logic, no work at import.
Nothing below the command line imports this module.
"""
