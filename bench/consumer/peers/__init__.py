"""What Pulse is measured beside; each runs outside of the project's own environment."""
