"""Lets tests import the stand-in's program, which otherwise runs in its pod alone."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "stand_in" / "program"))
