"""What tests of every component need: servers to talk to. No promise of Pulse is tested here."""
