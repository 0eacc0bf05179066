"""Ways into the house: they parse, call one face, and put the answer or refusal in words."""
