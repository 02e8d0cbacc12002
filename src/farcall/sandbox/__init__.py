"""How code is confined: what this machine can enforce, and the steps that enforce it.

Nothing yet: served functions run with the rights of whoever serves them, and code from others is not taken. What will
be here is probed when a worker starts, and what holds is advertised. Not here: what runs inside, and why.
"""
