"""cli.peers: three workloads, each in symdl and in libraries that may be installed beside it."""
