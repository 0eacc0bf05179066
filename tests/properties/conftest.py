import hypothesis

from tests.houses import house, owner

__all__ = ["house", "owner"]

# A long campaign: the same properties with more examples, `--hypothesis-profile=campaign`, and
# `--hypothesis-seed=N` to begin elsewhere.
hypothesis.settings.register_profile(
    "campaign", parent=hypothesis.settings.get_profile("suite"), max_examples=5_000
)
