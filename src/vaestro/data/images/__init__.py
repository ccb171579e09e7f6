"""Pictures: idx files, small NORB, folders of PNG and JPEG, procedural sets, contact sheets."""
