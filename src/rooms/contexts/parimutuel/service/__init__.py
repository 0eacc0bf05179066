"""Use cases of parimutuel, by what people do: open, bet, settle, void."""
