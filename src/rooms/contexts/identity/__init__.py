"""Who somebody is: players, staff, and the tokens that stand for them."""
