"""Starting a network from the weights of another."""

from absl import logging


def _paths(model):
    """Weights by their path inside the model, whatever the model itself is called."""
    return {weight.path.partition("/")[2]: weight for weight in model.weights}


def copy_weights(source, target):
    """Copies each weight of `source` into the weight of `target` at the same place.

    Args:
      source: a Keras model.
      target: a Keras model; weights whose shape differs (those of a layer that depends on the
        number of landmarks) or that `source` lacks keep their fresh values.

    Returns:
      The layers of `target` that are trained anew, as sorted list of paths.
    """
    available = _paths(source)
    anew = set()
    for path, weight in _paths(target).items():
        if path in available and available[path].shape == weight.shape:
            weight.assign(available[path])
        else:
            anew.add(path.rpartition("/")[0])
    for path in sorted(anew):
        logging.info("trained anew, no weights of this shape to start from: %s", path)
    return sorted(anew)
