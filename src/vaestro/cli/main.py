"""`vaestro`: commands are loaded only when called, so `vaestro --help` loads no torch."""

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclopts import App

FIELD = ", and fields of a recipe are given as --set FIELD=VALUE"
COMMANDS = {
    "train": "vaestro.cli.train:train",
    "forecast": "vaestro.cli.forecast:forecast",
    "doctor": "vaestro.cli.doctor:doctor",
    "evaluate": "vaestro.cli.evaluate:evaluate",
    "reconstruct": "vaestro.cli.reconstruct:reconstruct",
    "sample": "vaestro.cli.sample:sample",
    "encode": "vaestro.cli.encode:encode",
    "decode": "vaestro.cli.decode:decode",
    "fit-prior": "vaestro.cli.fit_prior:fit_prior",
    "diffuse": "vaestro.cli.diffuse:diffuse",
    "traverse": "vaestro.cli.traverse:traverse",
    "interpolate": "vaestro.cli.interpolate:interpolate",
    "arithmetic": "vaestro.cli.arithmetic:arithmetic",
    "sweep": "vaestro.cli.sweep:sweep",
    "worker": "vaestro.cli.worker:worker",
    "study": "vaestro.cli.study:study",
    "studio": "vaestro.cli.studio:studio",
    "export": "vaestro.cli.export:export",
    "report": "vaestro.cli.report:report",
    "recipes": "vaestro.cli.recipes:recipes",
}
HELP = {
    "train": "Train a recipe into a run folder, or go on with one (--resume).",
    "forecast": "Tell before training whether a recipe can work, and why.",
    "doctor": "Tell what is wrong with a trained run, and what to change.",
    "evaluate": "Measure a run on a split: ELBO, NLL, both terms, latent space.",
    "reconstruct": "Write originals and reconstructions to a file.",
    "sample": "Write samples to a file, from the prior or from a fitted one.",
    "encode": "Write the latents of a split or of your data to an .npz file.",
    "decode": "Write the samples that latents stand for to a file.",
    "fit-prior": "Fit a prior to what the encoder makes of the training data.",
    "diffuse": "Train a diffusion prior in a run's latent space, or go on (--resume).",
    "traverse": "Write what each latent dimension does to a file, and say it.",
    "interpolate": "Write straight lines between held-out samples to a file.",
    "arithmetic": "Write held-out samples moved by the difference of two sets.",
    "sweep": "Search recipes: many settings, trained as populations, none lost.",
    "study": "Carry out an ablation: a grid of settings with seeds, as a table.",
    "worker": "Help with a sweep: one more worker, on this machine or another.",
    "studio": "Watch, compare and start runs on a local web page.",
    "export": "Write a sweep's trials to a table, an Optuna study or TensorBoard.",
    "report": "Write the report.html of a run or a sweep again.",
    "recipes": "List the built-in recipes, or print one.",
}


def build() -> "App":
    """The application with every command registered by name."""
    from cyclopts import App

    app = App(
        name="vaestro",
        help="Train variational autoencoders that do not silently die.",
        version=_version,
        suppress_keyboard_interrupt=False,  # it would end without a word
    )
    for name, target in COMMANDS.items():
        app.command(target, name=name, help=HELP[name])
    data = App(name="data", help="List, describe and fetch data sets.")
    data.command("vaestro.cli.data:listing", name="list", help="List what can be trained on.")
    data.command("vaestro.cli.data:show", name="show", help="Describe a data set, file or folder.")
    data.command("vaestro.cli.fetch:fetch", name="fetch", help="Download a public data set.")
    app.command(data)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run one command. Exits 0 when it did its work, 2 on bad input, 1 otherwise."""
    try:
        code = build()(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except KeyboardInterrupt:  # also while the libraries are still being imported
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would only break the exit
        _fail("interrupted", 1)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as fault:
        _fail_known(fault)
    sys.exit(code if isinstance(code, int) else 0)


def _fail_known(fault: Exception) -> None:
    """One line for a known fault; an unknown one is ours and keeps its traceback."""
    from cyclopts import CycloptsError, UnknownOptionError

    from vaestro.cli.refusal import refusal
    from vaestro.foundation.errors import UserError, VaestroError

    if isinstance(fault, CycloptsError):
        field = FIELD if isinstance(fault, UnknownOptionError) else ""
        _fail(f"{str(fault).rstrip('., ')}; --help tells what is legal{field}", 2)
    if isinstance(fault, UserError):
        _fail(str(fault), 2)
    refused = refusal(fault) if isinstance(fault, OSError) else None
    if refused is not None:
        _fail(refused, 2)
    if isinstance(fault, (VaestroError, OSError, MemoryError)):
        _fail(str(fault) or type(fault).__name__, 1)
    raise fault


def _fail(message: str, code: int) -> None:
    print("error:", " ".join(message.split()), file=sys.stderr)
    sys.exit(code)


def _version() -> str:
    from importlib.metadata import version

    return version("vaestro")
