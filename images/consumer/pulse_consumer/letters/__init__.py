"""What people do about dead letters: look at them, send them again, drop them. Behind `pulse dlq`."""
