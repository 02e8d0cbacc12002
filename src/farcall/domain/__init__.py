"""What exists and what may happen: values, state tables, access rules, errors.

Belongs here: the words of the glossary as types, the tables of states and errors, interfaces and how arguments
bind to them, the rules of access. Does not belong here: I/O, clocks, threads, frameworks, randomness.
"""
