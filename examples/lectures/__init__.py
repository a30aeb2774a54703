"""Ten lectures, each one file that makes slides, a handout, a worksheet and its key."""
