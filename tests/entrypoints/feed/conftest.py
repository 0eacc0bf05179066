from tests.feed_houses import fed
from tests.houses import house, owner

__all__ = ["fed", "house", "owner"]
