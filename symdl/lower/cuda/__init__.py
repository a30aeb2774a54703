"""lower.cuda: which loops the threads of a graphics processor share."""
