import shutil
from pathlib import Path

import pytest

from rooms.platform.postgres import EmbeddedPostgres


@pytest.fixture(scope="session")
def made_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("made")
    with EmbeddedPostgres(data):
        pass
    return data


@pytest.fixture
def data(made_cluster: Path, tmp_path: Path) -> Path:
    """A data folder whose cluster was made and is stopped."""
    return Path(shutil.copytree(made_cluster, tmp_path / "a house"))
