"""Compiles title and summary templates: a small, bounded part of Jinja2.

Jinja2's sandbox keeps a template away from Python's internals, but not from memory: ``{{ '%1000000000s' % 'x' }}`` builds a
gigabyte. So a template is checked before it is compiled and may hold text, expressions, a list of filters, ``if``, and
``for`` over labels or annotations. No calls, no ``set``, no macros, no powers; ``*`` and ``%`` are for numbers; ``join`` and ``replace``
are bounded. Alert text is data and never becomes template source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ingestd.config.problems import did_you_mean
from ingestd.core.classify import TEMPLATE_FIELDS
from ingestd.core.ruleset import Renderer

SOURCE_LENGTH_MAX = 4096
OUTPUT_LENGTH_MAX = 65_536
NUMBER_MAX = 10**18

FILTERS = frozenset(
    [
        "abs",
        "capitalize",
        "default",
        "dictsort",
        "first",
        "float",
        "int",
        "join",
        "last",
        "length",
        "list",
        "lower",
        "max",
        "min",
        "replace",
        "round",
        "sort",
        "string",
        "title",
        "trim",
        "truncate",
        "unique",
        "upper",
        "urlencode",
        "wordcount",
    ]
)

_EXPRESSION = re.compile(r"""(\{\{(?![-+])(?:[^{}'"\\]|'[^'{}\\]*'|"[^"{}\\]*")*(?<![-+])\}\})""")
"""An expression that ends where it seems to, and takes away no space around it."""

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.If,
    nodes.For,
    nodes.Name,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.CondExpr,
    nodes.Concat,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Pos,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Keyword,
)
_REFUSALS: dict[type[nodes.Node], tuple[str, str]] = {
    nodes.Call: ("a call is not allowed in a template", "use a filter: labels.service|upper"),
    nodes.Pow: ("** is not allowed in a template", ""),
    nodes.Assign: ("set is not allowed in a template", "write the expression where it is needed"),
}


class TemplateProblemError(ValueError):
    """A template cannot be used. ``word`` is the part to point at, or empty."""

    def __init__(self, text: str, *, hint: str = "", word: str = "") -> None:
        super().__init__(text)
        self.hint = hint
        self.word = word


class _Environment(ImmutableSandboxedEnvironment):
    """Labels are looked up as data: a label called ``items`` is not the method of a dict."""

    intercepted_binops = frozenset({"*", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 (Jinja2's signature)
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, LoopContext | Undefined):
            return super().getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 (Jinja2's signature)
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self.undefined(obj=obj, name=argument)
        return super().getitem(obj, argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 (the operands of a template)
        for value in (left, right):
            if not isinstance(value, int | float) or abs(value) > NUMBER_MAX:
                raise TemplateError(f"{operator} is only for numbers up to {NUMBER_MAX:.0e}")
        return super().call_binop(context, operator, left, right)


def _bounded_join(value: Any, d: str = "") -> str:  # noqa: ANN401 (a filter takes anything)
    parts = [str(part) for part in value]
    if sum(map(len, parts)) + len(parts) * len(d) > OUTPUT_LENGTH_MAX:
        raise TemplateError(f"join makes more than {OUTPUT_LENGTH_MAX} characters")
    return d.join(parts)


def _bounded_replace(value: Any, old: str, new: str) -> str:  # noqa: ANN401 (a filter takes anything)
    text = str(value)
    if text.count(old) * len(new) + len(text) > OUTPUT_LENGTH_MAX:
        raise TemplateError(f"replace makes more than {OUTPUT_LENGTH_MAX} characters")
    return text.replace(old, new)


def _environment() -> _Environment:
    environment = _Environment(undefined=StrictUndefined, autoescape=False, cache_size=0, keep_trailing_newline=False)
    environment.globals.clear()
    environment.filters = {name: filter_ for name, filter_ in environment.filters.items() if name in FILTERS}
    environment.filters["join"] = _bounded_join
    environment.filters["replace"] = _bounded_replace
    return environment


_ENVIRONMENT = _environment()


def compile_template(source: str) -> Renderer:
    """A renderer of the template. Raises ``TemplateProblemError`` for what is wrong or not allowed.

    The renderer raises ``jinja2.TemplateError`` and others for values that do not fit (a label that an alert does not have);
    its output is cut at ``OUTPUT_LENGTH_MAX`` characters.
    """
    if len(source) > SOURCE_LENGTH_MAX:
        raise TemplateProblemError(f"a template of {len(source)} characters (at most {SOURCE_LENGTH_MAX})")
    pieces = _pieces(source)
    if pieces is None:
        template = _compile(source)
        return lambda fields: _cut(template.generate(fields))

    def render(fields: Mapping[str, Any]) -> str:
        context: Context | None = None
        parts: list[str] = []
        for piece in pieces:
            if isinstance(piece, str):
                parts.append(piece)
                continue
            context = context or piece.new_context(dict(fields))
            parts.append(_cut(piece.root_render_func(context)))
        return "".join(parts)[:OUTPUT_LENGTH_MAX]

    return render


def _pieces(source: str) -> list[str | Template] | None:
    """The texts and expressions of a template that has nothing else in it; None if Jinja2 has to see it as a whole.

    Thousands of rules say different things about the same few labels. To compile ``{{ labels.instance }}`` once for all of
    them is what makes them load in time: Jinja2 takes a millisecond for each template.
    """
    parts = _EXPRESSION.split(source.removesuffix("\n"))
    texts = parts[::2]
    if any("{" in text or "\r" in text for text in texts):
        return None
    try:
        pieces = [_compile_expression(part) if number % 2 else part for number, part in enumerate(parts)]
    except TemplateProblemError:
        return None
    return [piece for piece in pieces if piece]


@lru_cache(maxsize=1024)
def _compile_expression(source: str) -> Template:
    return _compile(source)


def _compile(source: str) -> Template:
    try:
        tree = _ENVIRONMENT.parse(source)
        _check(tree)
        return _ENVIRONMENT.from_string(tree)
    except TemplateSyntaxError as exc:
        raise TemplateProblemError(
            f"bad template: {(exc.message or 'not understood').rstrip('.')}", hint=_syntax_hint(exc)
        ) from None
    except TemplateError as exc:
        # What stands on constants alone is worked out while it is compiled, and may fail there.
        raise TemplateProblemError(f"bad template: {(exc.message or 'it can only fail').rstrip('.')}") from None
    except (RecursionError, SyntaxError, MemoryError, OverflowError) as exc:
        raise TemplateProblemError(f"bad template: too deep ({type(exc).__name__})") from None


def _cut(texts: Iterable[str]) -> str:
    """The texts as one. What is beyond ``OUTPUT_LENGTH_MAX`` is not even asked for."""
    parts: list[str] = []
    length = 0
    for text in texts:
        parts.append(text)
        length += len(text)
        if length > OUTPUT_LENGTH_MAX:
            break
    return "".join(parts)[:OUTPUT_LENGTH_MAX]


def _syntax_hint(exc: TemplateSyntaxError) -> str:
    if "No filter named" in (exc.message or ""):
        name = (exc.message or "").split("'")[1]
        return did_you_mean(name, FILTERS)
    return "expressions stand in {{ }}, conditions in {% if ... %}...{% endif %}"


def _check(tree: nodes.Template) -> None:
    names = {"loop", *TEMPLATE_FIELDS}
    names |= {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    pending: list[tuple[nodes.Node, bool]] = [(tree, False)]
    while pending:
        node, is_in_loop = pending.pop()
        if not isinstance(node, _ALLOWED):
            text = f"{type(node).__name__.lower()} is not allowed in a template"
            text, hint = _REFUSALS.get(type(node), (text, "a template is text, {{ expressions }}, if and for"))
            raise TemplateProblemError(text, hint=hint)
        if isinstance(node, nodes.For):
            _check_loop(node, is_in_loop=is_in_loop)
        if isinstance(node, nodes.Name) and node.name not in names:
            hint = did_you_mean(node.name, TEMPLATE_FIELDS)
            raise TemplateProblemError(f'there is no template field "{node.name}"', hint=hint, word=node.name)
        if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
            _check_part(node.node.name, node.attr)
        pending += [(child, is_in_loop or isinstance(node, nodes.For)) for child in node.iter_child_nodes()]


def _check_loop(loop: nodes.For, *, is_in_loop: bool) -> None:
    if is_in_loop or loop.recursive:
        raise TemplateProblemError("a loop in a loop is not allowed in a template")
    over: nodes.Node = loop.iter
    if isinstance(over, nodes.Filter) and over.name == "dictsort" and over.node is not None:
        over = over.node
    if not isinstance(over, nodes.Name) or over.name not in {"labels", "annotations"}:
        hint = "write {% for name, value in labels|dictsort %}"
        raise TemplateProblemError("a template loops over labels or annotations only", hint=hint)


def _check_part(field: str, part: str) -> None:
    parts = TEMPLATE_FIELDS.get(field)
    if parts and part not in parts:
        text = f'there is no template field "{field}.{part}"'
        raise TemplateProblemError(text, hint=did_you_mean(part, parts), word=part)
