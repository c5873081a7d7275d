"""The services of this process on the wire, one module each; knows no rule and no SQL."""
