"""Starting a network from the weights of another."""

from typing import Any

from absl import logging

from evae_tf.errors import InputError


def copy_weights(source: Any, target: Any) -> list[str]:
    """Copies each weight of `source` into the weight of `target` at the same place.

    Args:
      source: a model of `models.build.build_model`, fresh or read from a file.
      target: another; weights whose shape differs (those of a layer that depends on the number of
        landmarks) or that `source` lacks keep their fresh values.

    Returns:
      The layers of `target` that are trained anew, as sorted list of paths.

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
            "the model to start from shares no layer with this one; expected the same architecture."
        )
    for path in fitting:
        wanted[path].assign(available[path])
    anew = sorted({path.rpartition("/")[0] for path in set(wanted) - set(fitting)})
    for path in anew:
        logging.info("trained anew, no weights of this shape to start from: %s", path)
    return anew


def weights_by_path(model: Any) -> dict[str, Any]:
    """Weights by their path inside the model, whatever the model itself is called.

    Args:
      model: of `build_model`, or `built_afresh`.
    """
    return {weight.path.partition("/")[2]: weight for weight in model.weights}


def built_afresh(model: Any) -> Any:
    """A copy whose weights are named as `build_model` names them.

    Keras builds the layers of a file one by one, so that their weights' paths lack the parents.

    Args:
      model: a model of `models.build.build_model`, fresh or read from a file.
    """
    copy = type(model).from_config(_without_builds(model.get_config()))
    copy.build((None, model.metadata["input_size"], model.metadata["input_size"], 3))
    copy.set_weights(model.get_weights())
    return copy


def _without_builds(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_builds(value) for key, value in node.items() if key != "build_config"}
    return [_without_builds(value) for value in node] if isinstance(node, list) else node
