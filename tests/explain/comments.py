"""The value of a comment in generated code, read as the text that it is.

Enters: a module's source, the program that it was made from, the values of all tensors. Leaves: for every
comment that is an equation, both sides. The notation: ``A[i,j] = max(Z[i,j], 0)``,
``op_{k: condition} body``, ``{a if c; b otherwise}``, ``[c]``; a condition in brackets that fails switches
off what it multiplies.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.express.program import Program
from symdl.express.tensors import Tensor
from symdl.lower.pipeline import ready
from symdl.run.reference.interpreter import evaluate

from .shown import FUNCTIONS, MATRICES, RELATIONS, SPECIAL, dims_of

Env = Mapping[str, Any]
Value = Callable[[Env], Any]

OWN: dict[str, Any] = {
    **{name: f for name, f in FUNCTIONS.items() if name.islower() or name in SPECIAL},
    "max": FUNCTIONS["Max"],
    "min": FUNCTIONS["Min"],
    "abs": np.abs,
    "sgn": np.sign,
    "mod": np.mod,
    "sg": lambda value: value,
    "uniform": FUNCTIONS["RandomUniform"],
    "atan2": np.arctan2,
}
CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
WORDS = ("if", "otherwise", "and", "or", "not", "divides")


@dataclass
class Reader:
    """A parser of the notation; `arrays` are the tensors by name."""

    arrays: Mapping[str, Any]
    sizes: Mapping[str, int]
    tokens: list[str] = field(default_factory=list)
    at: int = 0

    def split(self, text: str) -> None:
        names = "|".join(re.escape(n) for n in sorted(self.arrays, key=len, reverse=True))
        own = r"\d+\.?\d*(?:e[+-]?\d+)?|<=|>=|!=|_\{|[a-z_]+(?=_\{)|[A-Za-z_]\w*|\S"
        self.tokens = [m.group(0) for m in re.finditer(rf"(?:{names})(?![A-Za-z0-9_])|{own}", text)]
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self, *wanted: str) -> str:
        token = self.peek()
        assert not wanted or token in wanted, f"{token!r} where {wanted} belongs: {' '.join(self.tokens)}"
        self.at += 1
        return token

    def sum(self) -> Value:
        terms = [(-1 if self.accept("-") else 1, self.product())]
        while self.peek() in ("+", "-"):
            terms.append((1 if self.next() == "+" else -1, self.product()))
        return lambda env: sum(sign * term(env) for sign, term in terms)

    def accept(self, token: str) -> bool:
        found = self.peek() == token
        self.at += found
        return found

    def product(self) -> Value:
        factors = [("*", *self.power())]
        while self.peek() in ("*", "/"):
            factors.append((self.next(), *self.power()))

        def value(env: Env) -> Any:
            switches = [v(env) for _, v, switch in factors if switch]
            if not all(switches):
                return 0.0
            result: Any = 1.0
            for op, v, switch in factors:
                if not switch:
                    with np.errstate(all="ignore"):
                        result = result * v(env) if op == "*" else np.float64(result) / v(env)
            return result

        return factors[0][1] if len(factors) == 1 else value

    def power(self) -> tuple[Value, bool]:
        base, switch = self.atom()
        if not self.accept("^"):
            return base, switch
        exponent, _ = self.atom()
        return lambda env: np.float64(base(env)) ** exponent(env), False

    def atom(self) -> tuple[Value, bool]:
        token = self.next()
        if token == "(":
            inner = self.sum()
            self.next(")")
            return inner, False
        if token == "[":
            inner = self.condition()
            self.next("]")
            return lambda env: float(inner(env)), True
        if token == "{":
            return self.cases(), False
        if token[0].isdigit():
            number = float(token)
            return lambda env: number, False
        if token in self.arrays and (self.peek() == "[" or np.ndim(self.arrays[token]) == 0):
            if self.peek() == "[" or token not in self.sizes:
                return self.element(self.arrays[token]), False
        if self.peek() == "(":
            assert token in OWN, f"{token} is no function: {' '.join(self.tokens)}"
            return self.call(OWN[token]), False
        if token in CONSTANTS:
            return lambda env: CONSTANTS[token], False
        return lambda env: env[token], False

    def element(self, array: Any) -> Value:
        if not self.accept("["):
            return lambda env: array[()]
        places = [] if self.peek() == "]" else [self.sum()]
        while self.accept(","):
            places.append(self.sum())
        self.next("]")
        assert len(places) == np.ndim(array), " ".join(self.tokens)
        return lambda env: array[tuple(round(float(p(env))) for p in places)]

    def call(self, function: Any) -> Value:
        self.next("(")
        args = [self.sum()]
        while self.accept(","):
            args.append(self.sum())
        self.next(")")
        return lambda env: function(*(a(env) for a in args))

    def cases(self) -> Value:
        rows: list[tuple[Value, Value]] = []
        while not rows or self.accept(";"):
            value = self.sum()
            rows.append(
                (value, self.condition() if self.next("if", "otherwise") == "if" else lambda env: True)
            )
        self.next("}")

        def chosen(env: Env) -> Any:
            return next((v(env) for v, c in rows if c(env)), math.nan)

        return chosen

    def condition(self) -> Value:
        parts = [self.conjunction()]
        while self.accept("or"):
            parts.append(self.conjunction())
        return lambda env: any(p(env) for p in parts)

    def conjunction(self) -> Value:
        parts = [self.test()]
        while self.accept("and"):
            parts.append(self.test())
        return lambda env: all(p(env) for p in parts)

    def test(self) -> Value:
        if self.accept("not"):
            self.next("(")
            inner = self.condition()
            self.next(")")
            return lambda env: not inner(env)
        start = self.at
        try:
            return self.comparison()
        except AssertionError:
            self.at = start
        self.next("(")
        inner = self.condition()
        self.next(")")
        return inner

    def comparison(self) -> Value:
        sides, ops = [self.sum()], []
        while not ops or self.peek() in RELATIONS:
            ops.append(self.next(*RELATIONS, "divides"))
            sides.append(self.sum())

        def value(env: Env) -> Any:
            values = [s(env) for s in sides]
            pairs = zip(ops, itertools.pairwise(values), strict=True)
            return all(b % a == 0 if op == "divides" else RELATIONS[op](a, b) for op, (a, b) in pairs)

        return value

    def right_side(self, sizes: Mapping[str, int]) -> Value:
        """Read ``op_{axes: condition} body``, or a body; `sizes` are those of the index variables."""
        if self.tokens[self.at + 1 : self.at + 2] != ["_{"]:
            return self.sum()
        op = self.next()
        self.next("_{")
        axes = [self.next()]
        while self.accept(","):
            axes.append(self.next())
        where = self.condition() if self.accept(":") else lambda env: True
        self.next("}")
        body = self.product()

        def reduced(env: Env) -> Any:
            places = itertools.product(*(range(sizes[a]) for a in axes))
            every = [{**env, **dict(zip(axes, place, strict=True))} for place in places]
            if op in MATRICES:
                matrix = np.array([body(e) for e in every], float).reshape([sizes[a] for a in axes])
                return MATRICES[op](matrix)
            values = [(n, body(e)) for n, e in enumerate(every) if where(e)]
            return fold(op, values)

        return reduced


def fold(op: str, values: list[tuple[int, Any]]) -> Any:
    """Fold the values of a reduction, each with its number."""
    if op in ("sum", "prod"):
        return (np.sum if op == "sum" else np.prod)([v for _, v in values])
    if not values:
        return 0 if op == "argmax" else -math.inf
    if op == "argmax":
        return values[int(np.argmax([v for _, v in values]))][0]
    return np.max([v for _, v in values]) if op == "max" else np.logaddexp.reduce([v for _, v in values])


def comments_in(source: str) -> Iterator[str]:
    """Yield the comments of a module, each with the lines on which it goes on."""
    found: list[str] = []
    for line in source.splitlines():
        match = re.match(r"\s*# ( *)(.*)", line)
        if match and len(match[1]) in (2, 6) and found:
            found[-1] += " " + match[2]
        elif match:
            yield from found
            found = [match[2]]
        else:
            yield from found
            found = []
    yield from found


def computed(program: Program, values: Mapping[str, Any]) -> tuple[dict[Tensor, Any], Program]:
    """Return the values of all tensors of a program in the form that is lowered."""
    frozen = ready(program)
    return evaluate(frozen, dict(values)), frozen


def check_comments(source: str, program: Program, values: Mapping[str, Any], rtol: float = 1e-9) -> int:
    """Check that every comment that is an equation is true; return how many there were."""
    arrays, frozen = computed(program, values)
    names = frozen.names
    by_name = {name: np.asarray(arrays[t]) for t, name in names.items() if t in arrays}
    equations = {names[e.lhs]: e for e in frozen.equations}
    sizes = {str(k): v for k, v in dims_of(arrays).items()}
    reader = Reader(by_name, sizes)
    # The difference of two such numbers is rounding, which depends on the order of a sum.
    huge = {name for name, a in by_name.items() if a.dtype.kind == "f" and _largest(a) > 1e16}
    count = 0
    left = rf"((?:{'|'.join(map(re.escape, equations))})(?:\[[^\]]*\])?)"
    for text in dict.fromkeys(comments_in(source)):
        head = re.match(rf"(.*? (?:for|of) )?{left} = (.*)", text)
        if head is None or " @ " in text or text.endswith("…"):
            continue
        name = head[2].split("[")[0]
        equation = equations[name] if name in equations else equations[head[2]]
        extents = {
            str(i): size if isinstance(size, int) else int(size.xreplace(dims_of(arrays)))
            for i, size in equation.extents.items()
        }
        reader.split(head[3])
        if len(huge.intersection(reader.tokens)) > 1:
            continue
        value = reader.right_side(extents)
        assert reader.at == len(reader.tokens), text
        array = by_name[name]
        free = [str(i) for i in equation.indices]
        for place in itertools.islice(np.ndindex(*array.shape), 0, None, 1 + array.size // 8):
            with np.errstate(all="ignore"):
                found = value({**sizes, **dict(zip(free, place, strict=True))})
            if np.ndim(found):
                found = found[place[len(place) - np.ndim(found) :]]
            np.testing.assert_allclose(
                found, array[place], rtol=rtol, atol=1e-12, err_msg=f"{text} at {place}"
            )
        count += 1
    return count


def _largest(array: np.ndarray) -> float:
    return float(np.abs(array[np.isfinite(array)]).max(initial=0))
