"""What the marts should hold, computed a second time and simply: no SQL, no increments, one thing after the other.

In: a log of what happened, in the order in which it happened. Out: the rows that the specification asks for (004 §4.3,
§4.4 and §6, and the rules of `docs/decisions.md`). It shares no code with the models, so that both err alike only where
the same mistake is made twice.
"""
