"""How fast the house is: one file per question, each against a reference in the same run."""
