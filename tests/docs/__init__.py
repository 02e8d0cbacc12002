"""Pages that are run: what README and docs show is typed in, and what they say comes out is compared.

How pages are written is said in `docs/README.md`, under "How these pages are kept true".
"""
