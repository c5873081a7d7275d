"""Whether errors or inputs have moved; knows no learner and no registry."""
