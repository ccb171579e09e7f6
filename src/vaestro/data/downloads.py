"""The public data sets that can be fetched by name: files, addresses, checksums.

Checksums are those that others publish: TensorFlow Datasets (MNIST, Fashion-MNIST, small NORB:
sizes and SHA-256), tractodata (FiberCup: MD5), and the MD5 of dSprites that many of its readers
check. What publishes no checksum is not here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class RemoteFile:
    """One file: its `checksum` as algorithm:digits, the addresses that serve it, the first
    preferred, and its size in bytes where that is published."""

    name: str
    checksum: str
    urls: tuple[str, ...]
    size: int | None = None


@dataclass(frozen=True)
class Download:
    """A data set: `settings` of a recipe's data that read it, of which `data.path` is `path` below
    its folder ("": the folder itself); `unpack`: the folder that its one archive is unpacked to;
    `stand_in`: the embedded data that take its place without a network."""

    name: str
    about: str
    files: tuple[RemoteFile, ...]
    settings: tuple[str, ...]
    stand_in: str
    path: str = ""
    unpack: str | None = None


def _same_folder(
    bases: tuple[str, ...], ending: str, files: tuple[tuple[str, int, str], ...]
) -> tuple[RemoteFile, ...]:
    """Files (name, size, SHA-256) that lie below each of `bases` under their names."""
    return tuple(
        RemoteFile(
            f"{name}{ending}",
            f"sha256:{digits}",
            tuple(f"{base}{name}{ending}" for base in bases),
            size,
        )
        for name, size, digits in files
    )


MNIST = Download(
    "mnist",
    "70,000 handwritten digits, 28x28 (LeCun, Cortes and Burges)",
    _same_folder(
        (
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
        "-ubyte.gz",
        (
            (
                "train-images-idx3",
                9912422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            (
                "train-labels-idx1",
                28881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            (
                "t10k-images-idx3",
                1648877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            (
                "t10k-labels-idx1",
                4542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
    ),
    ("data=idx",),
    "digits",
)
FASHION_MNIST = Download(
    "fashion-mnist",
    "70,000 pieces of clothing, 28x28 (Xiao, Rasul and Vollgraf 2017)",
    _same_folder(
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        "-ubyte.gz",
        (
            (
                "train-images-idx3",
                26421880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            (
                "train-labels-idx1",
                29515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            (
                "t10k-images-idx3",
                4422102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            (
                "t10k-labels-idx1",
                5148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
    ),
    ("data=idx",),
    "digits",
)
SMALL_NORB = Download(
    "smallnorb",
    "48,600 stereo pairs of 50 toys, 96x96, with their factors (LeCun, Huang and Bottou 2004)",
    _same_folder(
        ("https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",),
        ".mat.gz",
        (
            (
                "smallnorb-5x46789x9x18x6x2x96x96-training-dat",
                131896188,
                "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
            ),
            (
                "smallnorb-5x46789x9x18x6x2x96x96-training-cat",
                348,
                "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa",
            ),
            (
                "smallnorb-5x46789x9x18x6x2x96x96-training-info",
                71052,
                "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32",
            ),
            (
                "smallnorb-5x01235x9x18x6x2x96x96-testing-dat",
                130799817,
                "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
            ),
            (
                "smallnorb-5x01235x9x18x6x2x96x96-testing-cat",
                347,
                "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff",
            ),
            (
                "smallnorb-5x01235x9x18x6x2x96x96-testing-info",
                10428,
                "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2",
            ),
        ),
    ),
    ("data=norb",),
    "toys",
)
FIBERCUP = Download(
    "fibercup",
    "the seven bundles of the FiberCup phantom as streamlines (Legarreta's tractodata)",
    (
        RemoteFile(
            "sub01-dwi_space-orig_desc-synth_subset-bundles_tractography.zip",
            "md5:60589568bc13d4093af5bb282d78e9ff",
            ("https://osf.io/h84w6/download",),
        ),
    ),
    ("data=streamlines",),
    "bundles",
    path="bundles",
    unpack="bundles",
)
DSPRITES_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
DSPRITES = Download(
    "dsprites",
    "737,280 sprites, 64x64, with their factors (Matthey, Higgins, Hassabis and Lerchner 2017)",
    (
        RemoteFile(
            DSPRITES_FILE,
            "md5:7da33b31b13a06f4b04a70402ce90c2e",
            (
                f"https://github.com/google-deepmind/dsprites-dataset/raw/master/{DSPRITES_FILE}",
                "https://raw.githubusercontent.com/google-deepmind/dsprites-dataset/master/"
                f"{DSPRITES_FILE}",
            ),
        ),
    ),
    ("data=arrays", "data.key=imgs"),
    "sprites",
    path=DSPRITES_FILE,
)

DOWNLOADS = {d.name: d for d in (MNIST, FASHION_MNIST, SMALL_NORB, FIBERCUP, DSPRITES)}
