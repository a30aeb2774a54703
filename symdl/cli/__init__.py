"""cli: the command ``symdl``, one file a command."""
