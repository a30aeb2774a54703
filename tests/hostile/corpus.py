"""Attacks: what somebody may call a thing, type, or put into a file."""

from __future__ import annotations

MARKUP: tuple[str, ...] = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "--></style><!--",
    r"\input{/etc/passwd}",
    "^^5cinput",
    "}{",
    "$x$ % # & _",
    '#include("x")',
    "![x](javascript:alert(1))",
)
"""Names that mean something to who reads a page."""
SEEN: tuple[str, ...] = (
    *MARKUP,
    "x'); import os; os.system('touch hacked'); ('",
    "__class__",
    "__import__('os')",
    "self",
    "unnamed",
    "lambda",
    "None",
    "$(touch hacked)",
    "`touch hacked`",
    "*/ int main() /*",
    "x\\",
    "x??/",
    "../../etc/passwd",
    r"C:\x",
    "{{ 7*7 }}",
    "{% raw %}",
    "<% 7*7 %>",
    "%s%n",
    '"""',
    "'''",
    "=cmd|' /C calc'!A0",
    "a,b",
    "1",
    "x" * 500,
)
"""Names every character of which is seen: tensors may have them, and nothing of them is run anywhere."""
UNSEEN: tuple[str, ...] = (
    *("", " ", " a", "a ", "\ta", "a\nb", "a\rb", "a\x00", "a\x85b", "a\u2028b", "\xa0a"),
    *(
        "\x1b[31m",
        "\x9b31m",
        "\x1b]0;x\x07",
        "a\x7f",
        "\u202eabc",
        "a\u2066b",
        "a\u200bb",
        "\ufeff",
        "\ud800",
    ),
    *("\U000e0041", "x" * 5000),
)
"""Names that no thing can have: of characters that do something and are not seen; or far too long."""
