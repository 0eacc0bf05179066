"""The oracle's use cases: ask sources at their pace, agree on prices, decide what is watched."""
