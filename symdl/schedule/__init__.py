"""schedule: who computes what, when, on how many workers; sizes are known here."""
