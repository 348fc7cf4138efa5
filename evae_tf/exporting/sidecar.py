"""What an exported file says about itself, in a file beside it."""

import hashlib
import json

_LICENSE = (
    "The software is under Apache-2.0. The weights are also under the terms of the data that the "
    "model was trained on."
)


def describe(metadata, outputs, normalization):
    """What `runtime.open_model` reads beside or inside an exported model, as a dict for JSON.

    Args:
      metadata: `ModelMetadata`.
      outputs: names of the outputs that were exported.
      normalization: what the pixels of `images` have to be.
    """
    return {
        **metadata.to_dict(),
        "normalization": normalization,
        "outputs": list(outputs),
        "license": _LICENSE,
    }


def write_sidecar(path, description):
    """Writes a description beside the TFLite file `path`, with the digest of the file."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    write_json(path.with_suffix(".json"), {**description, "sha256": digest})


def write_json(path, description):
    """Writes a description to the file `path`, whose folder is created if needed."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(to_json(description), encoding="utf-8")


def to_json(description):
    """A description as text."""
    return json.dumps(description, indent=2) + "\n"
