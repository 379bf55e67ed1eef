"""A slice, with a fixed seed and without Spark, of what Tests/Interop/roundtrip.py does."""

import pytest

import exchange
import roundtrip


@pytest.fixture(scope="module")
def program():
    program = exchange.Exchange()
    yield program
    program.close()


@pytest.mark.parametrize("seed", range(20260105, 20260141))
def test_random_tables(program, tmp_path, seed):
    rows_max = 200_000 if seed == 20260105 else 1500
    roundtrip.write_here(program, seed * 10, rows_max, tmp_path, roundtrip.READERS)
    roundtrip.read_here(program, seed * 10 + 1, rows_max, tmp_path, roundtrip.WRITERS)
