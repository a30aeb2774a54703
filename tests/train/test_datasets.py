from __future__ import annotations

import gzip
import hashlib
import struct
import sys
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from symdl.errors import DataError, MissingExtraError
from symdl.train import datasets, mnist
from symdl.train.idx import parse_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array: NDArray[Any]) -> bytes:
    """The inverse of `parse_idx`."""
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def tiny_files(train: int = 5, test: int = 3) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    arrays = []
    for n in (train, test):
        arrays.append(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        arrays.append((np.arange(n) % 10).astype(np.uint8))
    return {name: gzip.compress(idx(a)) for name, a in zip(mnist.SUMS, arrays, strict=True)}


def put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def offline(url: str) -> bytes:
    raise urllib.error.URLError("no net here")


@given(
    st.sampled_from(sorted(CODES)).flatmap(
        lambda code: hnp.arrays(code, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
    ),
    st.booleans(),
)
def test_idx_round_trip(array: NDArray[Any], zipped: bool) -> None:
    data = idx(array)
    read = parse_idx(gzip.compress(data) if zipped else data)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)
    assert read.tobytes() == array.tobytes()


@given(st.integers(0, 200), st.binary(min_size=1, max_size=4))
def test_idx_cut_or_extended(cut: int, extra: bytes) -> None:
    data = idx(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    with pytest.raises(DataError, match="digits.gz"):
        parse_idx(data[: cut % len(data)], source="digits.gz")
    with pytest.raises(DataError, match="the header promises 64 bytes"):
        parse_idx(data + extra)


@given(st.binary(max_size=64))
def test_idx_takes_any_bytes_without_another_error(data: bytes) -> None:
    try:
        parse_idx(data)
    except DataError:
        pass


@pytest.mark.parametrize(
    "data",
    [
        b"\0\1\x08\0",
        b"\0\0\x07\0",
        b"\0\0\x08\x02\0\0\0\1",
        struct.pack(">BBBB70I", 0, 0, 8, 70, *[1] * 70) + b"\0",
        struct.pack(">BBBB4I", 0, 0, 8, 4, 0, *[2**32 - 1] * 3),
        gzip.compress(idx(np.zeros(9, np.uint8)))[:-9],
        b"\x1f\x8bnot gzip at all",
    ],
    ids=["magic", "type", "header", "axes", "extents", "gzip-cut", "gzip-bad"],
)
def test_idx_damaged(data: bytes) -> None:
    with pytest.raises(DataError, match="^data: here"):
        parse_idx(data, source="here")


@pytest.mark.parametrize("below", ["", "mnist"], ids=["directly", "below"])
def test_mnist_from_the_users_folder(below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tiny_files()
    put(tmp_path / below, files)
    monkeypatch.setenv("SYMDL_DATA", str(tmp_path))
    data = datasets.mnist()
    assert data.X_train.shape == (5, 784)
    assert data.X_test.shape == (3, 784)
    assert data.X_train.dtype == np.float32
    assert data.t_train.dtype == np.int64
    np.testing.assert_array_equal(data.t_train, np.arange(5))
    raw = parse_idx(files["train-images-idx3-ubyte.gz"])
    np.testing.assert_array_equal(np.rint(data.X_train * 255), raw.reshape(5, 784))
    assert 0.0 <= data.X_train.min() < data.X_train.max() <= 1.0
    images = datasets.mnist(flatten=False).X_test
    assert images.shape == (3, 1, 28, 28)
    np.testing.assert_array_equal(images.reshape(3, 784), data.X_test)


def test_mnist_users_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a folder"):
        mnist.load_mnist(environ={"SYMDL_DATA": str(tmp_path / "none")}, download=offline)


def test_mnist_users_folder_must_be_whole(tmp_path: Path) -> None:
    files = tiny_files()
    del files["t10k-images-idx3-ubyte.gz"]
    put(tmp_path, files)
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte.gz missing"):
        mnist.load_mnist(environ={"SYMDL_DATA": str(tmp_path)}, download=offline)


@pytest.mark.parametrize(
    ("name", "array", "complaint"),
    [
        ("train-images-idx3-ubyte.gz", np.zeros((5, 27, 28), np.uint8), "shapes of MNIST"),
        ("train-images-idx3-ubyte.gz", np.zeros((4, 28, 28), np.uint8), "one label per image"),
        ("train-images-idx3-ubyte.gz", np.zeros((5, 28, 28), np.int16), "should be uint8"),
        ("t10k-labels-idx1-ubyte.gz", np.zeros((3, 1), np.uint8), "shapes of MNIST"),
        ("t10k-labels-idx1-ubyte.gz", np.full(3, 10, np.uint8), "label 10 is not a digit"),
    ],
    ids=["size", "count", "type", "axes", "label"],
)
def test_mnist_users_files_must_have_its_form(
    name: str, array: NDArray[Any], complaint: str, tmp_path: Path
) -> None:
    put(tmp_path, tiny_files() | {name: gzip.compress(idx(array))})
    with pytest.raises(DataError, match=complaint):
        mnist.load_mnist(environ={"SYMDL_DATA": str(tmp_path)}, download=offline)


def test_mnist_found_nowhere_says_all(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    environ = {"SYMDL_DATA": str(tmp_path / "data"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with pytest.raises(DataError) as caught:
        mnist.load_mnist(environ=environ, download=offline)
    text = str(caught.value)
    kept = tmp_path / "cache" / "symdl" / "mnist" / "train-images-idx3-ubyte.gz"
    order = ["SYMDL_DATA", str(tmp_path / "data"), str(kept), *mnist.MIRRORS, "no net here", "cure"]
    places = [text.index(part) for part in order]
    assert places[:-2] == sorted(places[:-2])
    assert text.count("no net here") == len(mnist.MIRRORS)


def sums_of(files: dict[str, bytes]) -> dict[str, str]:
    return {n: hashlib.sha256(gzip.decompress(c)).hexdigest() for n, c in files.items()}


def test_mnist_download_is_verified_kept_and_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tiny_files()
    monkeypatch.setattr(mnist, "SUMS", sums_of(files))
    asked: list[str] = []

    def second_mirror_only(url: str) -> bytes:
        asked.append(url)
        name = url.rsplit("/", 1)[1]
        if url.startswith(mnist.MIRRORS[0]):
            return gzip.compress(idx(np.zeros(3, np.uint8)))
        return files[name]

    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    first = mnist.load_mnist(environ=environ, download=second_mirror_only)
    assert asked == [mirror + name for name in files for mirror in mnist.MIRRORS]
    cache = tmp_path / "symdl" / "mnist"
    assert {p.name: p.read_bytes() for p in cache.iterdir()} == files
    again = mnist.load_mnist(environ=environ, download=offline)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_mnist_damaged_cache_is_replaced_or_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tiny_files()
    monkeypatch.setattr(mnist, "SUMS", sums_of(files))
    cache = tmp_path / "symdl" / "mnist"
    name = "t10k-labels-idx1-ubyte.gz"
    put(cache, files | {name: gzip.compress(idx(np.zeros(3, np.uint8)))})
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    with pytest.raises(DataError, match="SHA-256 of the content is"):
        mnist.load_mnist(environ=environ, download=offline)
    mnist.load_mnist(environ=environ, download=lambda url: files[url.rsplit("/", 1)[1]])
    assert (cache / name).read_bytes() == files[name]


def test_mnist_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tiny_files()
    monkeypatch.setattr(mnist, "SUMS", sums_of(files))
    (tmp_path / "symdl").write_text("a file, not a folder")
    with pytest.raises(DataError, match="set XDG_CACHE_HOME"):
        mnist.load_mnist(
            environ={"XDG_CACHE_HOME": str(tmp_path)},
            download=lambda url: files[url.rsplit("/", 1)[1]],
        )


def test_cache_folder_ignores_a_relative_path() -> None:
    home = Path.home() / ".cache" / "symdl" / "mnist"
    assert mnist.cache_folder({}) == mnist.cache_folder({"XDG_CACHE_HOME": "here"}) == home


def test_only_https_is_fetched() -> None:
    for url in ("http://example.org/a", "file:///etc/hostname"):
        with pytest.raises(DataError, match="https"):
            mnist.fetch(url)


def test_digits() -> None:
    data = datasets.digits(seed=3)
    assert data.X_train.shape == (len(data.t_train), 64)
    assert len(data.t_train) + len(data.t_test) == 1797
    assert data.X_train.dtype == np.float32
    assert data.t_train.dtype == np.int64
    assert data.X_train.min() == 0.0
    assert data.X_train.max() == 1.0
    assert data.classes == tuple("0123456789")
    assert data.train["X"] is data.X_train
    assert data.test["t"] is data.t_test
    images = datasets.digits(seed=3, flatten=False)
    assert images.X_train.shape == (len(data.t_train), 1, 8, 8)
    np.testing.assert_array_equal(images.X_test.reshape(-1, 64), data.X_test)


def test_iris_is_standardised_by_its_training_part() -> None:
    data = datasets.iris(seed=1, test=0.3)
    assert data.X_train.shape == (105, 4)
    assert data.X_test.shape == (45, 4)
    np.testing.assert_allclose(data.X_train.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(data.X_train.std(axis=0), 1.0, atol=1e-6)
    assert np.abs(data.X_test.mean(axis=0)).max() > 1e-4
    np.testing.assert_array_equal(np.bincount(data.t_test), [15, 15, 15])
    assert data.classes == ("setosa", "versicolor", "virginica")
    assert len(data.features) == 4
    assert repr(data) == "Dataset('iris', train (105, 4), test (45, 4), 3 classes)"


def test_seed_decides_the_split() -> None:
    one, same, other = (datasets.iris(seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.X_train, same.X_train)
    np.testing.assert_array_equal(one.t_test, same.t_test)
    assert not np.array_equal(one.X_train, other.X_train)


def test_missing_scikit_learn_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    for load in (datasets.digits, datasets.iris):
        with pytest.raises(MissingExtraError, match=r"symdl\[train\]"):
            load()


@given(
    hnp.arrays(np.int64, st.integers(0, 40), elements=st.integers(0, 3)),
    st.floats(0.01, 0.99),
    st.integers(0, 2**32),
)
def test_split_is_stratified(labels: NDArray[np.int64], test: float, seed: int) -> None:
    t = np.concatenate([labels, np.repeat(np.unique(labels), 2), [7, 7]])
    first, second = datasets.stratified_split(t, test=test, seed=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([first, second])), np.arange(len(t)))
    for label in np.unique(t):
        taken, count = np.sum(t[second] == label), np.sum(t == label)
        assert 1 <= taken < count
        assert abs(taken - test * count) <= 1.0


@pytest.mark.parametrize("test", [0.0, 1.0, -0.1, float("nan")])
def test_split_refuses_the_share(test: float) -> None:
    with pytest.raises(DataError, match="not between 0 and 1"):
        datasets.stratified_split(np.array([0, 0]), test=test, seed=0)


@pytest.mark.parametrize("seed", [-1, True, 1.5, None])
def test_split_refuses_the_seed(seed: Any) -> None:
    with pytest.raises(DataError, match="not a nonnegative integer"):
        datasets.stratified_split(np.array([0, 0]), test=0.5, seed=seed)


@pytest.mark.parametrize("t", [[], [0, 0, 1]], ids=["empty", "alone"])
def test_split_refuses_too_few_samples(t: list[int]) -> None:
    with pytest.raises(DataError, match="no samples|only one sample"):
        datasets.stratified_split(np.array(t), test=0.5, seed=0)
