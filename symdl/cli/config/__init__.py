"""cli.config: what a file says that ``symdl train`` reads."""
