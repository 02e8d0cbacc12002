"""Histories of the dispatch core under faults, and the proof that the checks bite."""
