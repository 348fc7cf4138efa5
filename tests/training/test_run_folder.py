"""The folder of a training, and the copies that further processes of it work on."""

import pytest

from evae_tf.errors import InputError
from evae_tf.training.run_folder import RunFolder

DESCRIPTION = {"config": {"epochs": 3, "seed": 0}, "data": {"markup": "mtfl_5"}}


def test_a_further_process_names_the_folder_that_the_user_gave(tmp_path):
    """Its own copy has a name that nobody has heard of."""
    workdir, own = tmp_path / "runs" / "mine", RunFolder(tmp_path / "tmp" / "copy")
    with pytest.raises(InputError, match="mine: lacks the config.json of the process"):
        own.copy(workdir, DESCRIPTION)
    first = RunFolder(workdir)
    first.claim(DESCRIPTION)
    first.last_checkpoint.write_bytes(b"weights")
    own.copy(workdir, DESCRIPTION)
    assert own.last_checkpoint.read_bytes() == b"weights"
    other = {**DESCRIPTION, "config": {"epochs": 9, "seed": 0}}
    for claim in (first.claim, lambda given: own.copy(workdir, given)):
        with pytest.raises(InputError) as raised:
            claim(other)
        assert str(raised.value) == (
            f"{workdir}: holds a run with another configuration (config.epochs was 3, now 9); "
            "use another --workdir, or the same settings to resume."
        )
    for content in ("{", "[]", "null"):
        (workdir / "config.json").write_text(content)
        with pytest.raises(InputError) as raised:
            own.copy(workdir, DESCRIPTION)
        assert str(raised.value).startswith(f"{workdir / 'config.json'}: cannot be read")


def test_a_model_without_its_checkpoint_is_not_overwritten_by_another_run(tmp_path):
    """Somebody removed the checkpoints to save space."""
    folder = RunFolder(tmp_path)
    folder.claim(DESCRIPTION)
    folder.model.write_bytes(b"a model")
    with pytest.raises(InputError, match="another configuration"):
        folder.claim({**DESCRIPTION, "config": {"epochs": 9, "seed": 0}})
    folder.claim(DESCRIPTION)  # killed before the first checkpoint
