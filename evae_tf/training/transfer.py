"""Initialising a network with the weights of another."""

from typing import Any

from absl import logging

from evae_tf.errors import InputError


def copy_weights(source: Any, target: Any) -> list[str]:
    """Copies each weight of `source` into the weight of `target` with the same path.

    Args:
      source: a model of `models.build.build_model`, new or read from a file.
      target: another. Weights that `source` lacks or has in another shape (layers that depend on
        the number of landmarks) keep their initial values.

    Returns:
      The layers of `target` that keep random weights, as a sorted list of paths.

    Raises:
      InputError: no weight could be copied.
    """
    available = weights_by_path(built_afresh(source))
    wanted = weights_by_path(target)
    fitting = [
        path
        for path, weight in wanted.items()
        if path in available and available[path].shape == weight.shape
    ]
    if not fitting:
        raise InputError(
            "the source model shares no layer with this network; expected the same architecture."
        )
    for path in fitting:
        wanted[path].assign(available[path])
    anew = sorted({path.rpartition("/")[0] for path in set(wanted) - set(fitting)})
    for path in anew:
        logging.info("randomly initialised, no matching source weights: %s", path)
    return anew


def weights_by_path(model: Any) -> dict[str, Any]:
    """Weights by their path inside the model, without the name of the model.

    Args:
      model: a model of `build_model` or `built_afresh`.
    """
    return {weight.path.partition("/")[2]: weight for weight in model.weights}


def built_afresh(model: Any) -> Any:
    """A copy whose weight paths are those of `build_model`.

    Keras builds the layers of a file one by one, so their weight paths lack the parent layers.

    Args:
      model: a model of `models.build.build_model`, new or read from a file.
    """
    copy = type(model).from_config(_without_builds(model.get_config()))
    copy.build((None, model.metadata["input_size"], model.metadata["input_size"], 3))
    copy.set_weights(model.get_weights())
    return copy


def _without_builds(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_builds(value) for key, value in node.items() if key != "build_config"}
    return [_without_builds(value) for value in node] if isinstance(node, list) else node
