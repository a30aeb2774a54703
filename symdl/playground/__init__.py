"""playground: derivations in a browser, without an installation.

`read` makes an expression or a tensor of what somebody types, `session` answers with a derivation as a page;
both run in the browser, on SymPy and Jinja alone. `build` puts a folder of static files together:

    python -m symdl.playground out/playground
"""
