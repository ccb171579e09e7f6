"""The ledger of sweeps: one SQL database that holds the truth of every trial."""
