"""Whether a new version may serve: paired evidence, its statistics and the verdict; knows no learner and no registry."""
