from tests.houses import house, owner

__all__ = ["house", "owner"]
