"""run.elementary: elementary functions without branches, for every target."""
