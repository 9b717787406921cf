"""The core that every component shares.

The modules at this level are pure: data in, data out. Whatever has a socket, a clock or an environment
stands in `pulse.adapters`.
"""

VERSION = "0.1.0"
