"""The doors: by which parameters text and paths come in, and how each of them is tried.

Enters: nothing. Leaves: `DOORS`, a row for each kind of parameter of public functions that takes text, a
path, or texts as keys. A row names a test that tries it, or says why there is nothing to try. What comes in
elsewhere, on the command line, in files and in the playground, is in `INSIDE`.
"""

from __future__ import annotations

from dataclasses import dataclass

HERE = "tests/hostile/test_doors.py"
NAMES = f"{HERE}::test_names_that_nobody_sees_are_refused"
CHOICES = f"{HERE}::test_texts_that_choose"
SHOWN = f"{HERE}::test_texts_that_are_shown"
PATHS = f"{HERE}::test_paths_in_messages"
PAGES = "tests/hostile/test_names.py::test_nothing_of_a_name_is_html"
FILES = "tests/hostile/test_files.py"


@dataclass(frozen=True, slots=True)
class Door:
    """Parameters of one name.

    Attributes:
        parameter: its name.
        functions: whose it is; empty for all that no other row names.
        tried: a test, ``file::function`` or a file.
        exempt: why nothing is tried, instead.
    """

    parameter: str
    functions: tuple[str, ...] = ()
    tried: str = ""
    exempt: str = ""


_OUTPUT_ONLY = "a record that symdl makes; who makes one has checked names in hand"
_NAMES_OF = (
    "names of what is there already, each of which came in by a checked door; others are refused by it"
)

DOORS: tuple[Door, ...] = (
    Door("name", tried=NAMES),
    Door("name", ("sd.target",), tried=CHOICES),
    Door("names", ("sd.indices",), tried=CHOICES),
    Door("names", ("sd.recurrence",), tried=CHOICES),
    Door("names", ("sd.compose",), tried=SHOWN),
    Door(
        "names",
        ("sd.plots.decision_boundary", "sd.two_spaces"),
        exempt="labels of Matplotlib, whose $ is kept",
    ),
    Door("names", ("sd.nn.Grouped.unknown",), exempt="asks whether names are there"),
    Door("names", ("sd.train.Feed",), exempt="keys of batches, which are held against the names of inputs"),
    Door("path", tried=PATHS),
    Door("path", ("sd.load",), tried=FILES),
    Door("path", ("sd.plots.loss_surface",), exempt="a path of weights, not of a file"),
    Door("folder", ("sd.train.TensorBoard",), tried=PATHS),
    Door("data", tried=CHOICES),
    Door("batch", ("sd.train.Trainer.step",), tried=CHOICES),
    Door("validation", ("sd.Model.fit",), tried=CHOICES),
    Door("test", ("sd.Model.fit",), tried=CHOICES),
    Door("example", tried=CHOICES),
    Door("at", tried=CHOICES),
    Door("values", tried=CHOICES),
    Door("values", ("sd.train.Batch", "sd.train.Epoch"), exempt=_OUTPUT_ONLY),
    Door("validation_values", ("sd.train.Epoch",), exempt=_OUTPUT_ONLY),
    Door("stopped", ("sd.train.History",), exempt=_OUTPUT_ONLY),
    Door("weights", ("sd.plots.Path",), exempt=_OUTPUT_ONLY),
    Door("where", ("sd.Model.restored",), exempt="says in an error where a model is from"),
    Door("losses", ("sd.Model.with_losses",), tried=CHOICES),
    Door("loss", tried=CHOICES),
    Door("loss", ("sd.update_rules",), tried=SHOWN),
    Door("rate", ("sd.update_rules",), tried=SHOWN),
    Door("step", ("sd.update_rules",), tried=SHOWN),
    Door("title", tried=SHOWN),
    Door("rule", ("sd.elementwise",), tried=SHOWN),
    Door("what", tried=CHOICES),
    Door(
        "what",
        ("sd.constant", "sd.Model.checked"),
        exempt="says in an error what is wrong; errors show all of it",
    ),
    Door("message", ("sd.SymdlError",), tried="tests/test_errors.py"),
    Door("cure", ("sd.SymdlError",), tried="tests/test_errors.py"),
    Door(
        "latex",
        ("sd.Style",),
        exempt="a command of LaTeX's, which the user writes into a page of the user's own",
    ),
    Door("colour", ("sd.Style",), tried=CHOICES),
    Door("styles", ("sd.derive",), tried=CHOICES),
    Door("let", ("sd.derive",), tried=CHOICES),
    Door("target", tried=CHOICES),
    Door("dtype", tried=CHOICES),
    Door("op", ("sd.reduction",), tried=CHOICES),
    Door("subscripts", ("sd.einsum", "sd.ComplexTensor.einsum"), tried=CHOICES),
    Door("wrt", ("sd.check_gradients",), tried=CHOICES),
    Door("methods", ("sd.check_gradients",), tried=CHOICES),
    Door("with_", ("sd.check_gradients",), tried=CHOICES),
    Door("metrics", ("sd.Model.evaluate",), tried=CHOICES),
    Door("watch", tried=CHOICES),
    Door("trainable", tried=CHOICES),
    Door("rename", tried=CHOICES),
    Door("transpose", exempt=_NAMES_OF),
    Door("inputs", exempt=_NAMES_OF),
    Door("optimizers", ("sd.train.Trainer",), exempt=_NAMES_OF),
    Door("outputs", ("sd.to_onnx",), tried="tests/interop/test_to_onnx.py"),
    Door("known", ("sd.from_onnx",), exempt="names of axes in a file, which are compared"),
    Door("groups", ("sd.nn.Grouped",), tried=CHOICES),
    Door("by", ("sd.nn.Grouped",), exempt="a function of the user's, whose answer is looked up among groups"),
    Door("functions", ("sd.activation_figure", "sd.plots.activations"), exempt="labels of Matplotlib"),
    Door("queries", ("sd.plots.attention",), exempt="labels of Matplotlib"),
    Door("keys", ("sd.plots.attention",), exempt="labels of Matplotlib"),
    Door("classes", ("sd.plots.confusion_matrix",), exempt="labels of Matplotlib"),
)

INSIDE: dict[str, str] = {
    "expressions on the command line": "tests/express/test_parser.py",
    "options of the command line": "tests/cli/test_train.py",
    "lines of the playground": "tests/playground/test_read.py",
    "lines of students": "tests/classroom/test_annotate.py",
    "names and columns in files": FILES,
    "names in models of ONNX": FILES,
    "names that become code, LaTeX, HTML, Typst, Markdown, C, text": "tests/hostile/test_names.py",
    "files of the cache": "tests/hostile/test_cache.py",
    "settings of the environment": "tests/hostile/test_faults.py",
}
"""Doors that are no parameters of public functions."""
