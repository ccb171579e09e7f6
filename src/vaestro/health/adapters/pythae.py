"""A pythae model for the doctor (pythae 0.1; Chadebec, Vincent and Allassonniere 2022).

Shape letters: B batch, K latents, * the sample's axes.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaestro.foundation.errors import DataError
from vaestro.health.adapters.foreign import Foreign, package, require_methods


def from_pythae(model: Any, trust_pickle: bool = False) -> Foreign:
    """A pythae VAE: a loaded model, or with `trust_pickle` the folder that its `save` wrote.

    The files of such a folder are pickles, which may run any code when they are read: a folder is
    refused unless the caller trusts it. Of a VAE or BetaVAE the loss comes with it (squared error
    summed and halved, or cross-entropy summed, plus beta times the KL); the losses of the other
    models are no ELBO and are left out. Raises DataError in one line for a folder that is not
    trusted, a package that is absent, and a model whose encoder gives no log-variance.
    """
    if isinstance(model, (str, Path)):
        model = _loaded(Path(model), trust_pickle)
    require_methods(model, ("encoder", "decoder", "forward"), "a pythae model")
    config = model.model_config
    shape = tuple(config.input_dim)
    _require_variance(model, shape)

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        output = model.encoder(x.reshape(len(x), *shape))
        return output.embedding.flatten(1), output.log_covariance.flatten(1)

    def decode(z: Tensor) -> Tensor:
        made: Tensor = model.decoder(z)["reconstruction"]
        return made.reshape(len(z), *shape)

    def loss(x: Tensor) -> Tensor:
        value: Tensor = model({"data": x.reshape(len(x), *shape)}).loss
        return value

    kind = type(model).__name__
    return Foreign(
        encode=encode,
        decode=decode,
        module=model,
        likelihood="bernoulli" if config.reconstruction_loss == "bce" else "gaussian",
        beta=float(getattr(config, "beta", 1.0)) if kind == "BetaVAE" else 1.0,
        loss=loss if kind in ("VAE", "BetaVAE") else None,
    )


def _loaded(folder: Path, trust_pickle: bool) -> Any:
    if not (folder / "model_config.json").is_file():
        raise DataError(
            f"{folder} holds no model_config.json, so it is no folder of a pythae model"
        )
    if not trust_pickle:
        raise DataError(
            f"{folder} holds pickles, which may run any code when they are read; if you trust "
            "where it comes from, give trust_pickle=True (--trust-pickle)"
        )
    return package("pythae.models", "a pythae folder").AutoModel.load_from_folder(str(folder))


def _require_variance(model: Any, shape: tuple[int, ...]) -> None:
    """Raise DataError for an autoencoder without a posterior's variance."""
    like = next(model.parameters())
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            output = model.encoder(torch.zeros(2, *shape, device=like.device, dtype=like.dtype))
    finally:
        model.train(training)
    if "log_covariance" not in output:
        raise DataError(
            f"the encoder of this {type(model).__name__} gives no log_covariance: it has no "
            "Gaussian posterior, and the doctor examines VAEs"
        )
