"""What an exported file says about itself, in a file beside it."""

import hashlib
import json

_LICENSE = (
    "The software is under Apache-2.0. The weights are also under the terms of the data that the "
    "model was trained on."
)


def write_description(path, metadata, outputs, **further):
    """Writes what `runtime.open_model` reads beside or inside an exported model, as JSON.

    Args:
      path: of the description; its folder is created if needed.
      metadata: `ModelMetadata`.
      outputs: names of the outputs that were exported.
      further: more entries.
    """
    description = {
        **metadata.to_dict(),
        "normalization": "RGB in [0, 1]",
        "outputs": list(outputs),
        "license": _LICENSE,
        **further,
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def write_sidecar(path, metadata, outputs):
    """Writes the sidecar of the TFLite file `path` beside it."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    write_description(path.with_suffix(".json"), metadata, outputs, sha256=digest)
