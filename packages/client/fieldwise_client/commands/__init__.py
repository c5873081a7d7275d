"""The subcommands of `fieldwise`; each module registers its own."""
