"""Optional packages, and the extras that install them."""

import importlib.util

from evae_tf.errors import InputError

EXTRAS = {
    "faces": ("onnxruntime", "retinaface"),
    "train": (
        *("tensorflow", "keras", "tensorflow_probability", "tf_keras", "tensorboard"),
        *("h5py", "matplotlib", "scipy", "tabulate"),
    ),
    "serving": ("grpc", "requests", "tensorflow_serving"),
    "onnx": ("onnx", "tf2onnx"),
    "bulk": ("ray", "pyarrow", "pandas", "fsspec", "aiohttp"),
}


def require(module: str) -> None:
    """Checks that an optional module is installed.

    Args:
      module: a module in `EXTRAS`.

    Raises:
      InputError: it is not installed; the message names the extra.
    """
    if importlib.util.find_spec(module) is None:
        raise InputError(f"{advice(module)}.")


def advice(module: str | None) -> str | None:
    """What to install for a missing module.

    Args:
      module: its full name, as in `ModuleNotFoundError.name`.

    Returns:
      A sentence without its full stop; None if no extra contains the module.
    """
    package = (module or "").partition(".")[0]
    for extra, packages in EXTRAS.items():
        if package in packages:
            return f"{package} is not installed; run: pip install 'evae-tf[{extra}]'"
    return None
