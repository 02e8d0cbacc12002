"""The process that runs functions: it receives attempts, runs them one after another, and sends back what came of them.

Inside a sandbox it sees only `payload` and `authoring`. What it says is parsed as hostile by whoever started it.
Belongs here: both ends' messages (`messages`, `channel`, `board`), loading (`loading`), running (`running`,
`streaming`), what is captured on the way (`output`, `interrupts`, `failures`), and plain scripts: reading them
(`script_reading`, `script_marks`, `folding`) and running them (`scripts`). Not here: hubs, tokens, leases.
"""
