"""Contract suites: what every adapter of a port must do, as pytest classes to be inherited.

    class TestMyStore(StoreContract):
        @pytest.fixture
        def new_store(self, tmp_path): return MyStore(tmp_path)

Not here: what only one adapter does (durability, locks, migrations); that is tested beside it.
"""

from farcall.testing.contracts.blobs import BlobsContract
from farcall.testing.contracts.bus import BusContract
from farcall.testing.contracts.logs import LogFilesContract
from farcall.testing.contracts.store import StoreContract

__all__ = ["BlobsContract", "BusContract", "LogFilesContract", "StoreContract"]
