"""`farcall demo`: the whole story on one machine, with real processes and real data.

`stage` starts and stops processes; `scenes` is the story, in order; `alice/` and `bob/` are the two people's programs.
"""
