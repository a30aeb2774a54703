"""The playground in headless Chromium: from files of this machine, without any network."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from symdl.errors import DataError
from symdl.playground.__main__ import server
from symdl.playground.build import build

from .browser import BROWSER, Tab, browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm here"),
]
DERIVED = "!busy && /derived/.test(at('status').textContent)"


@contextmanager
def opened(folder: Path) -> Iterator[Tab]:
    """The playground, built and opened."""
    try:
        build(folder / "playground")
    except DataError as error:
        if "cannot be fetched" not in str(error):
            raise
        pytest.skip("the package registries are not reached")
    shown = server(folder / "playground")
    threading.Thread(target=shown.serve_forever, daemon=True).start()
    try:
        with browser(folder / "profile") as tab:
            tab("Page.navigate", url=f"http://127.0.0.1:{shown.server_port}/")
            tab.until("/derived in/.test(document.body && document.body.innerText)", seconds=180)
            yield tab
    finally:
        shown.shutdown()
        shown.server_close()


def derived(tab: Tab, script: str) -> str:
    """Do something that asks for a derivation, and return the page that comes."""
    tab.value(f"at('status').textContent = ''; {script}; ask()")
    tab.until(DERIVED)
    assert tab.value("at('error').textContent") == ""
    return str(tab.value("frame.srcdoc"))


def it_derives(tab: Tab) -> None:
    page = derived(tab, "use({text: 'sin(x**2*y) + exp(z)', wrt: 'y'})")
    assert "<math" in page and 'id="depth-all" checked' in page
    tab.until("parseInt(frame.style.height) > 1000")  # the derivation tells its height


def a_network_that_is_written_by_the_form(tab: Tab) -> None:
    tab.value("at('hidden').value = '5 4'; at('activation').value = 'relu'")
    page = derived(tab, "network()")
    assert tab.value("text.value").splitlines()[2:4] == ["h1 = dense(X, 5, relu)", "h2 = dense(h1, 4, relu)"]
    assert tab.value("wrt.value") == "h1.W" and "Backward" in page
    assert "h2.W" in tab.value("[...wrt.options].map(o => o.value)")


def the_address_holds_the_state(tab: Tab) -> None:
    text = "x: d\\nA: symmetric(d, d)\\nL = x @ A @ x"
    derived(tab, f"use({{text: '{text}', wrt: 'x'}}); at('form').value = 'differential'; depth = 'result'")
    kept = tab.value("location.hash")
    derived(tab, "use({text: 'x**2', wrt: 'x'})")
    page = derived(tab, f"location.hash = {kept!r}; recall()")
    assert "by differentials" in page and 'id="depth-result" checked' in page
    assert tab.value("text.value") == text.replace("\\n", "\n")


def errors_are_those_of_symdl(tab: Tab) -> None:
    tab.value("at('status').textContent = ''; text.value = 'x: d\\ny: k\\n<b>x</b> @ y'; ask()")
    tab.until(DERIVED)
    assert "cannot" in tab.value("at('error').textContent") and tab.value("frame.hidden")
    assert tab.value("at('error').children.length") == 0


def a_jacobian_has_no_other_forms(tab: Tab) -> None:
    derived(tab, "use({text: 'x**3', wrt: 'x'}); at('order').value = '2'")
    text = "x: d\\ny = softmax(x)"
    assert "Jacobian" in derived(tab, f"text.value = '{text}'; at('form').value = 'differential'")
    assert tab.value("at('order').disabled && at('form').disabled")


def it_stops_and_starts_again(tab: Tab) -> None:
    tab.value("at('stop').click()")
    tab.until("ready && !busy", seconds=120)
    assert "<math" in derived(tab, "use({text: 'x**3', wrt: 'x'})")


def nothing_else_is_asked_for(tab: Tab) -> None:
    assert {address.split("/")[2].split(":")[0] for address in tab.addresses} == {"127.0.0.1"}
    assert [one for one in tab.said if one["method"] != "Network.requestWillBeSent"] == []


def test_the_playground(tmp_path: Path) -> None:
    """One test, since building takes most of its time."""
    with opened(tmp_path) as tab:
        it_derives(tab)
        a_network_that_is_written_by_the_form(tab)
        the_address_holds_the_state(tab)
        errors_are_those_of_symdl(tab)
        a_jacobian_has_no_other_forms(tab)
        it_stops_and_starts_again(tab)
        nothing_else_is_asked_for(tab)
