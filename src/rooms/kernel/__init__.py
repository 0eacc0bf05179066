"""Words that everyone shares: money, ids, time, results, refusals, facts. Pure."""
