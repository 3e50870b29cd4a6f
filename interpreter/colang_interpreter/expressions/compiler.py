"""Expression trees to Python functions of one frame (section 3.2).

A tree becomes a Python syntax tree of names and operations this module chooses (a whitelist by construction), which
Python compiles on first use: no text is ever evaluated. Constants and plain variables need no code at all. Each generated
node carries the number of the expression node it came from as its line, so a failure names the part that failed at no cost
for evaluations that succeed.
"""

from __future__ import annotations

import ast
import copy
import difflib
import re
import types
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from colang.syntax import nodes
from colang_interpreter.dynamic import class_of
from colang_interpreter.expressions import guards
from colang_interpreter.expressions.access import attribute, call_method, item
from colang_interpreter.expressions.functions import FUNCTIONS
from colang_interpreter.expressions.text import text_of_expression
from colang_interpreter.values import ExpressionError

MAX_DEPTH: Final = 200  # levels of an expression
MAX_MESSAGE: Final = 300  # characters of a message without the part that failed
MAX_LOOPS: Final = 8  # `for` clauses inside one another


class Runtime(Protocol):
    """What the functions of an expression may ask of the machine."""

    def random(self) -> float: ...  # noqa: D102
    def randint(self, n: int, /) -> int: ...  # noqa: D102
    def uid(self) -> str: ...  # noqa: D102
    def flows_info(self, uid: str | None = None, /) -> object: ...  # noqa: D102
    def flow_spec(self, name: str, /) -> object: ...  # noqa: D102


class Frame(Protocol):
    """What an expression sees of the flow it is evaluated in."""

    @property
    def locals(self) -> dict[str, Any]: ...  # noqa: D102
    def read(self, name: str, /) -> Any: ...  # noqa: D102
    @property
    def self_ref(self) -> Any: ...  # noqa: D102
    @property
    def system_ref(self) -> Any: ...  # noqa: D102
    @property
    def runtime(self) -> Any: ...  # noqa: D102


Evaluate = Callable[[Any], Any]


class Compiled:
    """An expression ready to be evaluated; immutable but for the code that is made on first use.

    Attributes:
        run: The function of a frame; ``compiled.run(frame)`` is the fastest way to evaluate.
        constant: The value is known: `value`, which is immutable.
        variables: Names of all variables it reads, ``self`` and ``system`` included.
        simple_variable: The name if the expression is just a variable other than ``$self`` and ``$system``, else None.

    An expression without variables need not be constant: ``rand()``, ``[]`` (a new list each time).
    """

    __slots__ = ("_shared", "constant", "expr", "run", "simple_variable", "value", "variables")

    def __init__(self, expr: nodes.Expr, shared: frozenset[str], variables: frozenset[str]) -> None:
        """Prepare the expression; `compile_expression` is the way to make one."""
        self.expr = expr
        self.variables = variables
        self.constant = False
        self.value: Any = None
        self.simple_variable: str | None = None
        self._shared = shared
        self.run: Evaluate = self._first_run

    def __call__(self, frame: Any) -> Any:
        """The value in this frame; ExpressionError if it has none."""
        return self.run(frame)

    @property
    def text(self) -> str:
        """The expression as text, cut to 60 characters, for messages."""
        return text_of_expression(self.expr)

    def __repr__(self) -> str:
        """With the text of the expression."""
        return f"<Compiled {self.text}>"

    def _first_run(self, frame: Any) -> Any:
        self.run = _Emitter(self._shared).function(self.expr)
        return self.run(frame)


def compile_expression(expr: nodes.Expr, *, shared: frozenset[str] = frozenset()) -> Compiled:
    """Prepare an expression for evaluation.

    Linear in the expression. `shared` are the names that the flow declares ``global`` somewhere: they are read with
    ``frame.read(name)``, all others straight from ``frame.locals``. Mistakes that only running would meet (an unknown
    function, a missing key) are errors of the evaluation, not of this call.

    Raises:
        ExpressionError: the expression is nested too deeply or has a number with too many digits.

    Example:
        >>> from colang.source import Span
        >>> one = nodes.Literal(span=Span(0, 1), value=1)
        >>> compiled = compile_expression(nodes.Binary(span=Span(0, 5), op="+", left=one, right=one))
        >>> compiled.constant, compiled.value
        (True, 2)
    """
    variables, pure = _survey(expr)
    compiled = Compiled(expr, shared, variables)
    if isinstance(expr, nodes.Literal):
        _fix(compiled, expr.value)
    elif isinstance(expr, nodes.String) and expr.constant is not None:
        _fix(compiled, expr.constant)
    elif isinstance(expr, nodes.Variable) and expr.name not in ("self", "system"):
        compiled.simple_variable = expr.name
        compiled.run = _reader(expr.name, expr.name in shared)
    elif pure:
        try:
            _fix(compiled, compiled.run(None))
        except ExpressionError:
            pass  # the author learns it when the statement is executed, with its line
    return compiled


def _fix(compiled: Compiled, value: Any) -> None:
    compiled.constant = True
    compiled.value = value

    def constant(frame: Any) -> Any:
        return value

    compiled.run = constant


def _reader(name: str, shared: bool) -> Evaluate:
    if shared:

        def read_shared(frame: Any) -> Any:
            value = frame.read(name)
            kind = class_of(value)
            return value.copy() if kind is dict else value

        return read_shared

    def read_local(frame: Any) -> Any:
        value = frame.locals.get(name)
        kind = class_of(value)
        return value.copy() if kind is dict else value

    return read_local


# ---------------------------------------------------------------- survey


def children(expr: nodes.Expr) -> Iterator[nodes.Expr]:
    """The expressions directly inside an expression."""
    match expr:
        case nodes.Literal() | nodes.Variable() | nodes.Name():
            pass
        case nodes.String():
            for part in expr.parts:
                if not isinstance(part, str):
                    yield part
        case nodes.Attribute():
            yield expr.value
        case nodes.Subscript():
            yield expr.value
            if isinstance(expr.index, nodes.Slice):
                for bound in (expr.index.start, expr.index.stop, expr.index.step):
                    if bound is not None:
                        yield bound
            else:
                yield expr.index
        case nodes.Call():
            if isinstance(expr.function, nodes.Attribute):
                yield expr.function.value
            yield from expr.arguments
            for keyword in expr.keywords:
                yield keyword.value
        case nodes.Unary():
            yield expr.operand
        case nodes.Binary():
            yield expr.left
            yield expr.right
        case nodes.BoolOp():
            yield from expr.values
        case nodes.Compare():
            yield expr.left
            yield from expr.rights
        case nodes.Conditional():
            yield expr.test
            yield expr.then
            yield expr.otherwise
        case nodes.ListExpr() | nodes.TupleExpr() | nodes.SetExpr():
            yield from expr.items
        case nodes.DictExpr():
            for key, value in expr.items:
                yield key
                yield value
        case nodes.Comprehension():
            if expr.key is not None:
                yield expr.key
            yield expr.element
            for clause in expr.clauses:
                yield clause.iterable
                yield from clause.conditions
        case nodes.Generation():
            yield expr.instruction


_IMPURE: Final = (
    nodes.Variable,
    nodes.Name,
    nodes.ListExpr,
    nodes.TupleExpr,
    nodes.SetExpr,
    nodes.DictExpr,
    nodes.Comprehension,
    nodes.Generation,
    nodes.Attribute,
    nodes.Subscript,
)


def _survey(expr: nodes.Expr) -> tuple[frozenset[str], bool]:
    """The variables, and whether the value is the same immutable one at each evaluation. Refuses what is too deep."""
    variables: set[str] = set()
    pure = True
    row: list[nodes.Expr] = [expr]
    depth = 0
    while row:
        depth += 1
        if depth > MAX_DEPTH:
            raise ExpressionError(f"the expression is nested more than {MAX_DEPTH} levels deep")
        below: list[nodes.Expr] = []
        for node in row:
            if isinstance(node, nodes.Variable):
                variables.add(node.name)
                pure = False
            elif isinstance(node, _IMPURE):
                pure = False
            elif isinstance(node, nodes.Call):
                known = (
                    FUNCTIONS.get(node.function.name)
                    if isinstance(node.function, nodes.Name)
                    else None
                )
                pure = pure and known is not None and known.pure
            elif isinstance(node, nodes.Literal):
                number = node.value
                if isinstance(number, int) and number.bit_length() > guards.MAX_BITS:
                    raise ExpressionError("the number has too many digits (at most about 4200)")
                continue
            below.extend(children(node))
        row = below
    return frozenset(variables), pure


# ---------------------------------------------------------------- code


def _fail(message: str) -> Any:
    raise ExpressionError(message)


_BINARY: Final = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "floor_divide",
    "%": "modulo",
    "**": "power",
    "<<": "shift_left",
    ">>": "shift_right",
    "|": "bit_or",
    "&": "bit_and",
    "^": "bit_xor",
}
_COMPARE: Final[dict[str, type[ast.cmpop]]] = {
    "<": ast.Lt,
    ">": ast.Gt,
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<=": ast.LtE,
    ">=": ast.GtE,
    "in": ast.In,
    "not in": ast.NotIn,
}
_FILE: Final = "<colang expression>"
_TEMPLATE: Final = """
def expression(frame, source=None):
    try:
        return None
    except Exception as error:
        raise explain(error, source) from None
"""
_LOOP_TEMPLATE: Final = _TEMPLATE.replace("try:", f"budget = [{guards.LOOP_WORK}]\n    try:")
_PARSED: Final = {False: ast.parse(_TEMPLATE), True: ast.parse(_LOOP_TEMPLATE)}


def _module(body: ast.expr, has_loop: bool) -> ast.Module:
    """The template around the body; what does not change is shared, because parsing it takes time."""
    module = copy.copy(_PARSED[has_loop])
    definition = copy.copy(module.body[0])
    assert isinstance(definition, ast.FunctionDef)
    guarded = copy.copy(definition.body[-1])
    assert isinstance(guarded, ast.Try)
    returned = copy.copy(guarded.body[0])
    assert isinstance(returned, ast.Return)
    returned.value = body
    guarded.body = [returned]
    definition.body = [*definition.body[:-1], guarded]
    module.body = [definition]
    return module


class _Emitter:
    """Translates one expression."""

    def __init__(self, shared: frozenset[str]) -> None:
        self.shared = shared
        self.places: list[nodes.Expr] = []
        self.names: dict[str, str] = {}  # variables of comprehensions: name -> Python name
        self.loops = 0  # comprehensions around the current node
        self.has_loop = False

    def function(self, expr: nodes.Expr) -> Evaluate:
        """The function of a frame."""
        try:
            body = self.emit(expr, True)
            code = compile(_module(body, self.has_loop), _FILE, "exec", dont_inherit=True)
        except (RecursionError, MemoryError, SyntaxError, ValueError) as error:
            raise ExpressionError(
                f"the expression is too complicated ({type(error).__name__})"
            ) from None
        inner = next(const for const in code.co_consts if isinstance(const, types.CodeType))
        return types.FunctionType(inner, _GLOBALS, argdefs=(tuple(self.places),))

    # ------------------------------------------------ helpers

    def place(self, expr: nodes.Expr) -> dict[str, int]:
        """Where a generated node belongs: its line is the number of the expression node."""
        self.places.append(expr)
        line = _FIRST_LINE + len(self.places)
        return {"lineno": line, "end_lineno": line, "col_offset": 0, "end_col_offset": 0}

    def call(self, at: dict[str, int], function: str, *arguments: ast.expr) -> ast.Call:
        return ast.Call(func=_name(at, function), args=list(arguments), keywords=[], **at)

    def charged(self, at: dict[str, int], value: ast.expr) -> ast.expr:
        """Inside a comprehension, values cost work by their size."""
        return self.call(at, "charge", value, _name(at, "budget")) if self.loops else value

    def hashed(self, expr: nodes.Expr) -> ast.expr:
        """An item of a set or a key: computing its hash must come to an end."""
        value = self.emit(expr, True)
        if _is_scalar(expr):
            return value
        at = {
            "lineno": value.lineno,
            "end_lineno": value.lineno,
            "col_offset": 0,
            "end_col_offset": 0,
        }
        return self.call(at, "comparable", value)

    def several(self, exprs: tuple[nodes.Expr, ...], escapes: bool) -> list[ast.expr]:
        return [self.emit(expr, escapes) for expr in exprs]

    # ------------------------------------------------ nodes

    def emit(self, expr: nodes.Expr, escapes: bool) -> ast.expr:
        """Python for an expression; `escapes` says that the value is kept, so a dictionary variable must be copied."""
        at = self.place(expr)
        match expr:
            case nodes.Literal():
                return _constant(at, expr.value)
            case nodes.String():
                return self.string(expr, at)
            case nodes.Variable():
                value = self.variable(expr.name, at)
                return self.charged(at, self.call(at, "own", value) if escapes else value)
            case nodes.Name():
                bound = self.names.get(expr.name)
                if bound is None:
                    return self.fail(
                        at, f"`{expr.name}` is only a word; write `${expr.name}` for the variable"
                    )
                return self.charged(at, _name(at, bound))
            case nodes.Attribute():
                base = self.emit(expr.value, False)
                return self.charged(at, self.call(at, "attribute", base, _constant(at, expr.name)))
            case nodes.Subscript():
                base = self.emit(expr.value, False)
                return self.charged(at, self.call(at, "item", base, self.index(expr.index, at)))
            case nodes.Call():
                return self.charged(at, self.function_call(expr, at))
            case nodes.Unary():
                return self.unary(expr, at)
            case nodes.Binary():
                left, right = self.emit(expr.left, False), self.emit(expr.right, False)
                return self.charged(at, self.call(at, _BINARY[expr.op], left, right))
            case nodes.BoolOp():
                op = ast.And() if expr.op == "and" else ast.Or()
                return ast.BoolOp(op=op, values=self.several(expr.values, escapes), **at)
            case nodes.Compare():
                return self.compare(expr, at)
            case nodes.Conditional():
                return ast.IfExp(
                    test=self.emit(expr.test, False),
                    body=self.emit(expr.then, escapes),
                    orelse=self.emit(expr.otherwise, escapes),
                    **at,
                )
            case nodes.ListExpr():
                return ast.List(elts=self.several(expr.items, True), ctx=_LOAD, **at)
            case nodes.TupleExpr():
                return ast.Tuple(elts=self.several(expr.items, True), ctx=_LOAD, **at)
            case nodes.SetExpr():
                return ast.Set(elts=[self.hashed(item) for item in expr.items], **at)
            case nodes.DictExpr():
                return ast.Dict(
                    keys=[self.hashed(key) for key, _ in expr.items],
                    values=[self.emit(value, True) for _, value in expr.items],
                    **at,
                )
            case nodes.Comprehension():
                return self.comprehension(expr, at)
            case nodes.Generation():
                return self.fail(
                    at, 'a generated value (`..."instruction"`) can only be assigned to a variable'
                )

    def fail(self, at: dict[str, int], message: str) -> ast.expr:
        return self.call(at, "fail", _constant(at, message))

    def variable(self, name: str, at: dict[str, int]) -> ast.expr:
        frame = _name(at, "frame")
        if name in ("self", "system"):
            return ast.Attribute(value=frame, attr=f"{name}_ref", ctx=_LOAD, **at)
        if name in self.shared:
            function: ast.expr = ast.Attribute(value=frame, attr="read", ctx=_LOAD, **at)
        else:
            known = ast.Attribute(value=frame, attr="locals", ctx=_LOAD, **at)
            function = ast.Attribute(value=known, attr="get", ctx=_LOAD, **at)
        return ast.Call(func=function, args=[_constant(at, name)], keywords=[], **at)

    def string(self, expr: nodes.String, at: dict[str, int]) -> ast.expr:
        if expr.constant is not None:
            return _constant(at, expr.constant)
        parts: list[ast.expr] = []
        for part in expr.parts:
            parts.append(_constant(at, part) if isinstance(part, str) else self.emit(part, False))
        return self.charged(at, self.call(at, "interpolate", *parts))

    def index(self, index: nodes.Expr | nodes.Slice, at: dict[str, int]) -> ast.expr:
        if not isinstance(index, nodes.Slice):
            return self.emit(index, False)
        bounds = (index.start, index.stop, index.step)
        return self.call(
            at,
            "make_slice",
            *(
                _constant(at, None) if bound is None else self.emit(bound, False)
                for bound in bounds
            ),
        )

    def function_call(self, expr: nodes.Call, at: dict[str, int]) -> ast.expr:
        if isinstance(expr.function, nodes.Attribute):
            base = self.emit(expr.function.value, False)
            arguments = self.several(expr.arguments, True)
            call = self.call(at, "call_method", base, _constant(at, expr.function.name), *arguments)
        else:
            name = expr.function.name
            function = FUNCTIONS.get(name)
            if function is None:
                return self.fail(at, _unknown_function(name))
            complaint = function.complaint(
                len(expr.arguments), tuple(keyword.name for keyword in expr.keywords)
            )
            if complaint is not None:
                return self.fail(at, complaint)
            arguments = self.several(expr.arguments, False)
            if function.runtime:
                runtime = ast.Attribute(value=_name(at, "frame"), attr="runtime", ctx=_LOAD, **at)
                arguments.insert(0, runtime)
            elif self.loops and name in ("search", "find_all"):
                arguments.insert(0, _name(at, "budget"))
                name = f"loop_{name}"
            call = self.call(at, f"f_{name}", *arguments)
        seen: set[str] = set()
        for keyword in expr.keywords:
            if keyword.name in seen:
                return self.fail(at, f"the argument `{keyword.name}` is given twice")
            seen.add(keyword.name)
            call.keywords.append(
                ast.keyword(arg=keyword.name, value=self.emit(keyword.value, True), **at)
            )
        return call

    def unary(self, expr: nodes.Unary, at: dict[str, int]) -> ast.expr:
        operand = self.emit(expr.operand, False)
        if expr.op == "not":
            return ast.UnaryOp(op=ast.Not(), operand=operand, **at)
        return self.call(at, {"-": "negate", "+": "positive", "~": "invert"}[expr.op], operand)

    def compare(self, expr: nodes.Compare, at: dict[str, int]) -> ast.expr:
        if len(expr.ops) == 1 and expr.ops[0] in ("is", "is not"):
            function = "same" if expr.ops[0] == "is" else "not_same"
            left, right = self.emit(expr.left, False), self.emit(expr.rights[0], False)
            return self.call(at, function, left, right)
        operands = (expr.left, *expr.rights)
        plain = [_is_scalar(operand) for operand in operands]
        emitted: list[ast.expr] = []
        for number, operand in enumerate(operands):
            value = self.emit(operand, False)
            # Of two compared values one must be known to be small; comparing then comes to an end.
            last = number == len(operands) - 1
            if not plain[number] and not (last or (number == 0 and plain[1])):
                value = self.call(at, "comparable", value)
            emitted.append(value)
        if any(op in ("is", "is not") for op in expr.ops):
            return self.fail(at, "`is` cannot be part of a chain of comparisons")
        return ast.Compare(
            left=emitted[0],
            ops=[_COMPARE[op]() for op in expr.ops],
            comparators=emitted[1:],
            **at,
        )

    def comprehension(self, expr: nodes.Comprehension, at: dict[str, int]) -> ast.expr:
        self.has_loop = True
        before, loops = dict(self.names), self.loops
        generators: list[ast.comprehension] = []
        for clause in expr.clauses:
            self.loops += 1
            if self.loops > MAX_LOOPS:
                return self.fail(at, f"more than {MAX_LOOPS} loops inside one another")
            items = self.call(at, "each", self.emit(clause.iterable, False), _name(at, "budget"))
            for target in clause.targets:
                self.names[target] = f"v{len(self.names)}_{self.loops}"
            targets: list[ast.expr] = [
                _name(at, self.names[target], ast.Store()) for target in clause.targets
            ]
            generators.append(
                ast.comprehension(
                    target=targets[0]
                    if len(targets) == 1
                    else ast.Tuple(elts=targets, ctx=ast.Store(), **at),
                    iter=items,
                    ifs=self.several(clause.conditions, False),
                    is_async=0,
                )
            )
        element = self.hashed(expr.element) if expr.kind == "set" else self.emit(expr.element, True)
        result: ast.expr
        if expr.kind == "dict" and expr.key is not None:
            key = self.hashed(expr.key)
            result = ast.DictComp(key=key, value=element, generators=generators, **at)
        elif expr.kind == "set":
            result = ast.SetComp(elt=element, generators=generators, **at)
        else:  # a generator is a list, too: it can be used twice, and saved
            result = ast.ListComp(elt=element, generators=generators, **at)
        self.names, self.loops = before, loops
        return result


_LOAD: Final = ast.Load()
_FIRST_LINE: Final = 100  # lines below belong to the template


def _name(at: dict[str, int], name: str, context: ast.expr_context | None = None) -> ast.Name:
    return ast.Name(id=name, ctx=context or _LOAD, **at)


def _constant(at: dict[str, int], value: Any) -> ast.Constant:
    return ast.Constant(
        value=value,
        lineno=at["lineno"],
        end_lineno=at["end_lineno"],
        col_offset=0,
        end_col_offset=0,
    )


def _is_scalar(expr: nodes.Expr) -> bool:
    """Whether the value is certainly no container."""
    return isinstance(expr, (nodes.Literal, nodes.String)) or (
        isinstance(expr, nodes.Unary) and isinstance(expr.operand, nodes.Literal)
    )


def _unknown_function(name: str) -> str:
    near = difflib.get_close_matches(name, FUNCTIONS, n=1)
    return f"there is no function `{name}()`" + (f"; did you mean `{near[0]}()`?" if near else "")


# ---------------------------------------------------------------- errors

_ORDER: Final = re.compile(r"'(\S+)' not supported between instances of '(.+)' and '(.+)'")
_HASH: Final = re.compile(r"unhashable type: '(\w+)'")
_MEMBER: Final = re.compile(
    r"argument of type '(\w+)' is not|'in <string>' requires string as left operand, not (\w+)"
)
_TYPES: Final = {
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "bool": "a boolean",
    "NoneType": "None",
    "list": "a list",
    "tuple": "a tuple",
    "dict": "a dictionary",
    "set": "a set",
}


def explain(error: Exception, places: tuple[nodes.Expr, ...]) -> ExpressionError:
    """An error in the author's words, with the part of the expression that failed."""
    kind = error.kind if isinstance(error, ExpressionError) else None
    message = error.message if isinstance(error, ExpressionError) else _worded(error)
    place = None
    trace = error.__traceback__
    while trace is not None:
        number = trace.tb_lineno - _FIRST_LINE - 1
        if trace.tb_frame.f_code.co_filename == _FILE and 0 <= number < len(places):
            place = places[number]
        trace = trace.tb_next
    if len(message) > MAX_MESSAGE:
        message = message[: MAX_MESSAGE - 3] + "..."
    if place is not None:
        message = f"{message}, in `{text_of_expression(place)}`"
    return ExpressionError(message) if kind is None else ExpressionError(message, kind)


def _worded(error: Exception) -> str:
    text = str(error)
    if found := _ORDER.search(text):
        _, left, right = found.groups()
        return f"cannot compare {_typed(left)} and {_typed(right)} by size"
    if found := _HASH.search(text):
        return f"{_typed(found[1])} cannot be an item of a set or a key of a dictionary"
    if found := _MEMBER.search(text):
        if found[2]:
            return f"cannot look for {_typed(found[2])} in a text"
        return f"cannot look for something in {_typed(found[1])}"
    if isinstance(error, (RecursionError, MemoryError)):
        return "the values are too large or nested too deeply"
    if isinstance(error, ValueError) and "unpack" in text:
        return "the items do not have as many parts as there are names after `for`"
    if isinstance(error, TypeError) and "unpack" in text:
        return "the items cannot be taken apart into the names after `for`"
    return f"the evaluation failed ({type(error).__name__}: {text})"


def _typed(name: str) -> str:
    return _TYPES.get(name, f"a value of type {name}")


def _negate(value: Any) -> Any:
    try:
        return -value
    except TypeError:
        raise ExpressionError(f"{guards.kind_of(value)} has no negative") from None


def _positive(value: Any) -> Any:
    try:
        return +value
    except TypeError:
        raise ExpressionError(f"{guards.kind_of(value)} is not a number") from None


def _invert(value: Any) -> Any:
    try:
        return guards.invert(value)
    except TypeError:
        raise ExpressionError(f"{guards.kind_of(value)} is not a whole number") from None


def _loop_search(budget: list[int], pattern: Any, text: Any) -> Any:
    _pay_for_search(budget, pattern, text)
    return FUNCTIONS["search"].call(pattern, text)


def _loop_find_all(budget: list[int], pattern: Any, text: Any) -> Any:
    _pay_for_search(budget, pattern, text)
    return FUNCTIONS["find_all"].call(pattern, text)


def _pay_for_search(budget: list[int], pattern: Any, text: Any) -> None:
    if isinstance(text, str):
        compiled = FUNCTIONS["regex"].call(pattern).compiled
        budget[0] -= compiled.cost(len(text)) >> 3
        guards.charge("", budget)


_GLOBALS: Final[dict[str, Any]] = {
    "__builtins__": {"Exception": Exception},
    "explain": explain,
    "fail": _fail,
    "attribute": attribute,
    "item": item,
    "call_method": call_method,
    "make_slice": slice,
    "own": guards.own,
    "charge": guards.charge,
    "each": guards.each,
    "comparable": guards.comparable,
    "interpolate": guards.interpolate,
    "same": guards.same,
    "not_same": guards.not_same,
    "negate": _negate,
    "positive": _positive,
    "invert": _invert,
    "f_loop_search": _loop_search,
    "f_loop_find_all": _loop_find_all,
    **{_BINARY[op]: function for op, function in guards.OPERATORS.items()},
    **{f"f_{name}": function.call for name, function in FUNCTIONS.items()},
}
