"""Memory of a process, as Linux states it in /proc."""

from pathlib import Path


def memory(name: str, process: int | str = "self") -> int:
    """Memory of a process, bytes.

    Args:
      name: `VmRSS` (current) or `VmHWM` (peak).
      process: its number, or `self`.
    """
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def reset_peak() -> None:
    """Sets the peak of this process to its current memory."""
    Path("/proc/self/clear_refs").write_text("5")
