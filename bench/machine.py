"""Where and when a benchmark ran, for the line above its table."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def described() -> str:
    """The date, the cores, Python and the system."""
    today = datetime.now(UTC).date().isoformat()
    return f"{today}, {os.cpu_count()} x {_processor()}, Python {platform.python_version()}, {platform.system()}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
