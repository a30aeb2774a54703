"""lower.loops: fusion, loop nests, statements, addressing."""
