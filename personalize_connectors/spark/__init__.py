"""The engine on a Spark cluster: Spark spreads the work and moves rows, the functions of `engine` work on them.

The driver works on what is small: configs, item documents, manifests. Workers read and write the bucket by themselves, a file or
a piece of one at a time, and hand Spark only what must meet: repeated queries, the mapping, and the delta.
"""
