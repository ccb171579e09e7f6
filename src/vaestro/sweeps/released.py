"""Batches whose holders are gone for certain: given back, so that nobody waits for their leases."""

from collections.abc import Collection

from vaestro.foundation.errors import UserError, VaestroError
from vaestro.sweeps.folder import SweepFolder
from vaestro.sweeps.ledger.ledger import Ledger
from vaestro.sweeps.ledger.rows import Batch, Lease

PATIENCE_SECONDS = 5.0
"""How long a storage that is down is waited for: without it the leases run out by themselves."""


def release(folder: SweepFolder, owners: Collection[str]) -> int:
    """Give back what the workers `owners` of the sweep in `folder` hold; how many batches that
    were. A holder that was alive after all is fenced by whoever takes the batch. Does nothing
    where the ledger does not answer."""
    if not owners:
        return 0
    try:
        place = folder.read_place()
        ledger = Ledger(place["storage"], PATIENCE_SECONDS, lambda text: None)
    except (UserError, VaestroError):
        return 0
    try:
        held = [one for one in ledger.batches(place["id"]) if _held(one, owners)]
        return sum(ledger.release(_lease(place["id"], one)) for one in held)
    except (UserError, VaestroError):
        return 0
    finally:
        ledger.close()


def _held(batch: Batch, owners: Collection[str]) -> bool:
    return batch.state == "leased" and batch.owner in owners


def _lease(sweep: str, batch: Batch) -> Lease:
    return Lease(sweep, batch.number, batch.token, batch.owner, batch.folder, ())
