"""run.cuda: programs on NVIDIA graphics processors."""
