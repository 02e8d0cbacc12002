"""What a function's author imports: `function`, `Unit`, `Range`, `variable`, `result`, `progress`, `log`, `current`.

Bottom layer. Everything does something sensible with no hub and no network. Not here: calling, serving, encoding.
"""
