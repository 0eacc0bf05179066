from tests.houses import owner
from tests.keno_houses import keno

__all__ = ["keno", "owner"]
