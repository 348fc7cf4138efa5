"""What several threads share without meeting."""

import threading
import time

import pytest

from evae_tf.pool import Pool


def test_what_is_lent_is_nobody_elses_and_is_lent_again():
    made = iter(range(9))
    pool = Pool(lambda: next(made))
    with pool.lend() as first, pool.lend() as second:
        assert (first, second) == (0, 1)
    with pytest.raises(KeyError), pool.lend():
        raise KeyError
    with pool.lend() as one, pool.lend() as other:
        assert {one, other} == {0, 1}


def test_threads_never_hold_the_same_one():
    made, busy, met = iter(range(99)), set(), []
    pool = Pool(lambda: next(made))

    def work():
        for _ in range(300):
            with pool.lend() as lent:
                met.extend([lent] if lent in busy else [])
                busy.add(lent)
                time.sleep(0)  # lets another thread run
                busy.discard(lent)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not met
    assert next(made) <= 4
