"""The networks of the second part run, small, and reach what they promise."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_autoencoders_and_principal_components(capsys: pytest.CaptureFixture[str]) -> None:
    found = example("05_autoencoder").main(["--steps", "800", "--epochs", "30"])
    assert len(found["angles"]) == 4 and max(found["angles"]) < 1e-3
    assert found["curved"] < found["plane"]
    assert "encoder.W̄ = Xᵀ encoder.Z̄" in capsys.readouterr().out


def test_convolutional_network(capsys: pytest.CaptureFixture[str]) -> None:
    (history,) = example("06_cnn").main(["--data", "digits", "--epochs", "12"])
    assert history.test_accuracy is not None and history.test_accuracy > 0.95
    shown = capsys.readouterr().out
    assert "product rule" in shown and "argmax" in shown


def test_adversarial_networks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = example("09_gan").main(["--steps", "2000", "--epochs", "100", "--out", str(tmp_path)])
    assert found["distance"] < found["normal"] / 2
    assert abs(found["short"] - 1 / 3) < 0.1 and abs(found["long"] - 2 / 3) < 0.1
    assert found["real"] < found["drawn"] < (found["real"] + found["noise"]) / 2
    assert found["rarest"] > 0.02  # every digit is drawn
    assert "discriminator" in capsys.readouterr().out
    assert (tmp_path / "gan_digits.png").read_bytes().startswith(b"\x89PNG")


def test_derived_and_handwritten_backward_passes(capsys: pytest.CaptureFixture[str]) -> None:
    found = example("12_backward").main()
    assert len(found) == 5
    assert all(derived < 1e-6 for derived, _ in found.values())
    assert all(by_hand is None or by_hand > 0.1 for _, by_hand in found.values())
    assert "BATCH NORM" in capsys.readouterr().out


def test_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("statsmodels", reason="the extra examples is not installed")
    pytest.importorskip("faker", reason="the extra examples is not installed")
    found = example("07_sequences").main(["--epochs", "30", "--names", "5"])
    assert found["error"] < 0.8 * found["same"]
    assert found["accuracy"] > 3 * found["most"]
    assert "Gradient of L with respect to rnn.U" in capsys.readouterr().out


def test_transfer(capsys: pytest.CaptureFixture[str]) -> None:
    found = example("08_transfer").main(
        ["--data", "digits", "--shots", "10", "--draws", "2", "--epochs", "6"]
    )
    assert found["transferred"] > found["random"] + 0.1
    assert found["transferred"] > found["everything"] + 0.02
    shown = capsys.readouterr().out
    assert "high.W̄" in shown and "features.W̄" not in shown


def test_heat_equation(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("10_physics").main(["--epochs", "300"]) < 0.03
    assert "second.Z̄̄" in capsys.readouterr().out


def test_transformer(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--letters", "40000", "--blocks", "1", "--epochs", "7"]
    found = example("11_transformer").main(small)
    assert found["bits"] < found["pairs"] - 0.4
    assert found["pairs"] < found["uniform"] - 1
    assert "attention" in capsys.readouterr().out


def test_own_layer(capsys: pytest.CaptureFixture[str]) -> None:
    found = example("13_own_layer").main(["--epochs", "40"])
    assert found["ok"] and found["loss"] < 0.85 * found["median"]
    assert "pairs.Q̄[u,a,b] = " in capsys.readouterr().out


def test_estimators(capsys: pytest.CaptureFixture[str]) -> None:
    found = example("15_estimators").main(["--passes", "60"])
    assert found["ours"] > 0.95 and found["own"] > 0.9 and found["components"] > 0.8
    assert found["ours"] > found["theirs"] - 0.03
    assert "output.b̄[j] = " in capsys.readouterr().out


def test_meta_learning(capsys: pytest.CaptureFixture[str]) -> None:
    before, after = example("16_meta_learning").main(["--epochs", "40"])
    assert after < 0.25 * before
    assert "one step" in capsys.readouterr().out


def test_a_filter_from_spectra(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("18_spectrum").main(["--steps", "60"]) < 1e-3
    assert "largest error" in capsys.readouterr().out


def test_physics_by_l_bfgs(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("10_physics").train(epochs=150, seed=0, optimizer="l-bfgs") < 0.02
    assert "all epochs are done" in capsys.readouterr().out
