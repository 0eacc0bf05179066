from tests.houses import owner

__all__ = ["owner"]
