"""How code is confined: what this machine can enforce, and the steps that enforce it.

It is probed when a worker starts, and what holds is advertised. Not here: what runs inside, and why.
"""
