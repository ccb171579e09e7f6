"""Starting, stopping and resuming, as the page asks for it."""

from pathlib import Path
from typing import Any

from vaestro.foundation.errors import RunFolderError
from vaestro.foundation.files import read_json
from vaestro.runs.folder import next_free
from vaestro.studio.ids import NotThere
from vaestro.studio.starting.children import Child, Children
from vaestro.studio.studio import Studio


def start(studio: Studio, body: dict[str, Any]) -> dict[str, Any]:
    """Start a run of what is asked, whose forecast was shown. Raises UserError in one line."""
    from vaestro.studio.starting.asked import Asked, require_told

    asked = Asked.parse(body.get("asked"))
    recipe = asked.wanted(studio)
    require_told(studio, recipe, str(body.get("ticket", "")))
    root = reserved(studio.root, recipe.name)
    words = ["train", *asked.settled(studio).words(studio), "--run", str(root), "--json"]
    return told(studio, Children(studio.root).start(studio.identity(root), "run", words))


def reserved(parent: Path, name: str) -> Path:
    """A new empty folder: a run starts in it, and no other does."""
    while True:
        root = next_free(parent, name)
        try:
            root.mkdir()
        except FileExistsError:
            continue
        return root


def stop(studio: Studio, body: dict[str, Any]) -> dict[str, Any]:
    """Stop a run that a studio started."""
    identity = studio.identity(studio.find(str(body.get("id", ""))))
    return told(studio, Children(studio.root).stop(identity))


def resume(studio: Studio, body: dict[str, Any]) -> dict[str, Any]:
    """Go on with a run, for `epochs` in all where that is said."""
    root = studio.find(str(body.get("id", "")))
    words = resuming(root, body.get("epochs"))
    return told(studio, Children(studio.root).start(studio.identity(root), "run", words))


def resuming(root: Path, epochs: Any) -> list[str]:
    """What goes on with the run or the population in `root`. Raises RunFolderError in one line."""
    if not (root / "recipe.yaml").is_file() and not (root / "population.json").is_file():
        raise RunFolderError(f"{root.name} is no run, or had not begun; start it anew")
    if epochs is None:
        return ["train", "--resume", "--run", str(root), "--json"]
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
        raise RunFolderError(f"epochs is {epochs!r}; legal: a whole number from 1 up")
    edit = f"--set=training.epochs={epochs}"
    return ["train", "--resume", "--run", str(root), edit, "--json"]


def children(studio: Studio) -> dict[str, Any]:
    """What studios over this root started, the newest first."""
    known = (child for child in Children(studio.root).all() if _is_there(studio, child.id))
    return {"children": [told(studio, child) for child in known]}


def child(studio: Studio, identity: str) -> dict[str, Any]:
    """The newest process that a studio started on this folder; null where there was none."""
    found = Children(studio.root).of(studio.identity(studio.find(identity)))
    return {"child": None if found is None else told(studio, found)}


def _is_there(studio: Studio, identity: str) -> bool:
    try:
        studio.find(identity)
    except NotThere:
        return False
    return True


def told(studio: Studio, child: Child) -> dict[str, Any]:
    """A child for the page: `state` is running, stopping, or how its folder says that it ended."""
    from vaestro.studio.starting.command import command

    alive = child.alive
    working = "stopping" if child.stopping else "running"
    said = "" if alive else Children(studio.root).last_words(child.id)
    return {
        "id": child.id,
        "what": child.what,
        "began": child.began,
        "alive": alive,
        "state": working if alive else status(studio.root / child.id) or "failed",
        "said": said if said.startswith("error:") else "",
        "command": command([word for word in child.words if word != "--json"]),
        "resume": command(["train", "--resume", "--run", str(studio.root / child.id)]),
        "resumable": not alive and (studio.root / child.id / "recipe.yaml").is_file(),
    }


def status(root: Path) -> str | None:
    """What a folder says of its run's, its population's or its sweep's end; None for nothing."""
    for name in ("summary.json", "population.json", "sweep.json"):
        path = root / name
        try:
            said = read_json(path).get("status") if path.is_file() else None
        except (OSError, ValueError, AttributeError):
            return "unreadable"
        if isinstance(said, str) and said != "running":
            return said
    return None
