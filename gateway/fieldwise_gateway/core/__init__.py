"""Pure parts of the gateway: names, fingerprints, budgets of time, workloads. No wire, no clock."""
