"""The subcommands that the local stack itself owns, one file each: words in, a call, words out."""
