"""The consumer's part of the `pulse` command, a module each; nothing heavy is imported before a command runs."""
