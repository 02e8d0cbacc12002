"""What a process has cost: CPU time of all its threads, and of its children that have ended."""

from __future__ import annotations

import time

try:
    import resource
except ImportError:  # Windows: children are left out

    def cpu_seconds() -> float:
        """Since this process began."""
        return time.process_time()

else:
    _getrusage, _CHILDREN = resource.getrusage, resource.RUSAGE_CHILDREN

    def cpu_seconds() -> float:
        """Since this process began."""
        children = _getrusage(_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime
