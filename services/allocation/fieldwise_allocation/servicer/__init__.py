"""The services of allocation on the wire, one file each; knows no rules and no SQL."""
