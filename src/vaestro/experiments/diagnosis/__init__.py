"""Why a run went wrong: the doctor of a folder, its advice, and a fatal step taken again."""
