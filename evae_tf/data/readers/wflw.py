"""Reader of WFLW: 98 points, a box and six attributes per line.

Source: Wu et al., Look at Boundary: A Boundary-Aware Face Alignment Algorithm, CVPR 2018.
"""

from collections.abc import Iterator
from pathlib import Path

from evae_tf.data.face import Face, make_face
from evae_tf.data.text_files import as_numbers, errors_name, read_lines
from evae_tf.errors import InputError
from evae_tf.markups import Markup

ATTRIBUTES = ("pose", "expression", "illumination", "makeup", "occlusion", "blur")
LISTS = "WFLW_annotations/list_98pt_rect_attr_train_test"
IMAGES = "WFLW_images"
_NUM_NUMBERS = 196 + 4 + len(ATTRIBUTES)


def read(data_dir: Path, subset: str, markup: Markup) -> Iterator[Face]:
    """Yields a `Face` for each line of the subset, named by its image path in `WFLW_images`.

    The lists may also be in `data_dir` itself. An attribute as subset selects the test faces with
    that attribute. Several faces of one photo have the same name.

    Raises:
      InputError: the list is missing or a line is damaged.
    """
    file_name = f"list_98pt_rect_attr_{'train' if subset == 'train' else 'test'}.txt"
    path = data_dir / LISTS / file_name
    if not path.is_file():
        path = data_dir / file_name
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        source = f"{path}, line {number}"
        with errors_name(source):
            numbers, name = _parse(line)
            flags: dict[str, float] = dict(zip(ATTRIBUTES, numbers[200:], strict=True))
            if not flags.get(subset, True):
                continue
            face = make_face(
                data_dir / IMAGES / name,
                [numbers[i : i + 2] for i in range(0, 196, 2)],
                markup=markup,
                subset=subset,
                name=name,
                box=numbers[196:200],
                attributes={name: "yes" if flag else "no" for name, flag in flags.items()},
                source=source,
            )
        yield face


def _parse(line: str) -> tuple[list[float], str]:
    *numbers, name = line.strip().split(maxsplit=_NUM_NUMBERS)
    if len(numbers) != _NUM_NUMBERS:
        raise InputError(
            f"{len(numbers)} numbers before the image path, expected {_NUM_NUMBERS} "
            "(98 points, a box, six attributes)"
        )
    return as_numbers(numbers), name
