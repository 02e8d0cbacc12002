"""How letters leave the hub: adapters of the hub's port `Mailer`, each named by what it speaks.

Belongs here: SMTP. Not here: what letters say, when they are sent, and whether again; that is `hub`'s.
"""
