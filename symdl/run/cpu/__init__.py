"""run.cpu: what compiled code on a processor needs: memory, results, threads, matrix products, a cache."""
