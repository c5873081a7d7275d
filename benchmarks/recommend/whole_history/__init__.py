"""The next purchase by boosted trees on a customer's whole history: what more than a decision knows would allow."""
