"""Reads the source for every English sentence that may reach a client of the HTTP API.

A sentence is what goes into an error: into its constructor, into a validator's `error=`, into `default_error_messages`.
It is followed backwards, through variables, constants, the returns of functions and the arguments of their callers.
f-strings become templates with `{}` for their values. Parts that are sentences of their own are found as well.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.fakes import ROOT

FOLDERS = ("apis", "audio", "domain", "generation", "jobs", "models")
"""Below the package. Settings, the log, the command line and the front say nothing in other languages."""

SINKS = frozenset(
    {
        *("ValidationError", "UnsupportedMediaType", "MisdirectedRequest"),  # marshmallow's and werkzeug's
        *("HubSilent", "InvalidRecipe", "UnreadableSound"),  # ours, whose text goes on into errors
        "kind",  # as jobs/failures.py calls a class that it is given
    }
)
"""What is called with a sentence, besides the classes of domain/errors.py."""

VALUE = "{}"
_PHRASE = re.compile(r"[A-Za-z]{2}")
_LETTERS = re.compile(r"[A-Za-z]")
_FIELD = re.compile(r"(?:\w+|\{\}): ")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """One file, with the names that it binds."""

    path: Path
    tree: ast.Module
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                self.imported |= {alias.name: str(node.module).rpartition(".")[2] for alias in node.names}
            self.parents |= {child: node for child in ast.iter_child_nodes(node)}

    def function_of(self, node: ast.AST) -> Function | None:
        """The innermost function around `node`."""
        while (node := self.parents.get(node, self.tree)) is not self.tree:
            if isinstance(node, Function):
                return node
        return None


class Sentences:
    """All of them, as templates; `found` says of each where it is."""

    def __init__(self, package: Path = ROOT / "musicgen_api") -> None:
        files = sorted(path for name in FOLDERS for path in (package / name).rglob("*.py"))
        files = [path for path in files if path.parent.name != "languages"]
        self.modules = [Module(path, ast.parse(path.read_text())) for path in files]
        errors = ast.parse((package / "domain" / "errors.py").read_text())
        self._errors = SINKS | {node.name for node in errors.body if isinstance(node, ast.ClassDef)}
        self.found: dict[str, str] = {}
        self._functions: dict[str, list[tuple[Module, Function]]] = defaultdict(list)
        self._calls: dict[str, list[tuple[Module, ast.Call]]] = defaultdict(list)
        self._constants: dict[str, list[tuple[Module, ast.expr]]] = defaultdict(list)
        self._known: dict[ast.expr, list[str]] = {}
        for module in self.modules:
            self._index(module)
        for module in self.modules:
            for node in ast.walk(module.tree):
                for said in self._said_by(node):
                    self._keep(self._texts(module, said), module, said)

    def _index(self, module: Module) -> None:
        for node in ast.walk(module.tree):
            if isinstance(node, Function):
                self._functions[node.name].append((module, node))
            elif isinstance(node, ast.Call):
                self._calls[_name(node.func)].append((module, node))
        for statement in module.tree.body:
            for name, value in _bound(statement):
                self._constants[name].append((module, value))
            if isinstance(statement, ast.ClassDef):  # the members of an enumeration
                values = [value for inner in statement.body for _, value in _bound(inner)]
                self._constants[statement.name] += [(module, value) for value in values if _is_text(value)]

    def _said_by(self, node: ast.AST) -> Iterator[ast.expr]:
        """The expressions whose text a client reads."""
        match node:
            case ast.Call(func=func, args=args, keywords=keywords):
                dynamic = isinstance(func, ast.Call) and _name(func.func) == "type"  # type(error)(...)
                in_an_error = _name(func) == "__init__" and any(_is_text(argument) for argument in args)
                if _name(func) in self._errors or dynamic or in_an_error:
                    yield from args
                yield from (keyword.value for keyword in keywords if keyword.arg == "error")
            case ast.Assign(targets=[ast.Name(id="default_error_messages")], value=value):
                yield value
            case ast.Assign(targets=[ast.Subscript(value=ast.Attribute(attr="error_messages"))], value=value):
                yield value

    def _keep(self, texts: list[str], module: Module, at: ast.expr) -> None:
        for text in texts:
            if _is_phrase(text):
                self.found.setdefault(text, f"{module.path.name}:{at.lineno}")

    def _texts(self, module: Module, said: ast.expr) -> list[str]:
        """What `said` may be as a text, values as `{}`; of containers, what is in them."""
        match said:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr():
                return self._of_an_f_string(module, said)
            case ast.IfExp(body=one, orelse=other):
                return self._texts(module, one) + self._texts(module, other)
            case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values) | ast.Set(elts=values):
                return [text for value in values for text in self._texts(module, value)]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                pairs = itertools.product(self._texts(module, left), self._texts(module, right))
                return [first + second for first, second in pairs]
            case ast.Dict(keys=keys, values=values):
                return [text for value in (*keys, *values) if value for text in self._texts(module, value)]
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element) | ast.DictComp(value=element):
                return self._texts(module, element)
            case ast.Subscript(value=inner) | ast.Starred(value=inner):
                return self._texts(module, inner)
            case ast.Call():
                return self._of_a_call(module, said)
            case ast.Name(id=name):
                return self._of_a_name(module, said, name)
            case ast.Attribute(value=ast.Name(id=name)) if name in self._constants and name[0].isupper():
                return self._of_a_name(module, said, name)
        return [VALUE]

    def _of_an_f_string(self, module: Module, said: ast.JoinedStr) -> list[str]:
        """The template. One without words of its own is filled with what its values may be; those of others are kept
        as phrases of their own."""
        parts: list[list[str]] = []
        for part in said.values:
            if isinstance(part, ast.FormattedValue):
                parts.append(list(dict.fromkeys(self._texts(module, part.value))) or [VALUE])
            else:
                parts.append(self._texts(module, part))
        bare = "".join(self._bare(module, part) for part in said.values)
        if _is_phrase(bare):
            for part, texts in zip(said.values, parts, strict=True):
                if self._bare(module, part) == VALUE:
                    self._keep(texts, module, said)
            return [bare]
        if _LETTERS.search(without_field(bare)):
            return [bare]  # a name, not a frame for sentences
        filled = [
            [text if _is_phrase(text) or not text else VALUE for text in texts]
            if isinstance(part, ast.FormattedValue)
            else texts
            for part, texts in zip(said.values, parts, strict=True)
        ]
        return list(dict.fromkeys("".join(choice) for choice in itertools.product(*filled)))

    def _bare(self, module: Module, part: ast.expr) -> str:
        """A part of an f-string, where what a value may be is left open: all but constant phrases."""
        match part:
            case ast.Constant(value=str(text)):
                return text
            case ast.FormattedValue(value=ast.Name(id=name) as value) if name.isupper():
                (text, *others) = self._texts(module, value)
                return text if _is_phrase(text) and not others else VALUE
        return VALUE

    def _of_a_call(self, module: Module, call: ast.Call) -> list[str]:
        name = _name(call.func)
        texts = [text for where, value in self._returned(name) for text in self._once(where, value)]
        if not (
            name in self._functions and _is_own(call.func)
        ):  # " ".join(...), reasons.get(...): what goes in comes out
            inner = [*call.args, *(keyword.value for keyword in call.keywords)]
            inner += [call.func.value] if isinstance(call.func, ast.Attribute) else []
            texts += [text for value in inner for text in self._texts(module, value)]
        return texts or [VALUE]

    def _returned(self, name: str) -> Iterator[tuple[Module, ast.expr]]:
        for module, function in self._functions.get(name, ()):
            annotation = ast.unparse(function.returns) if function.returns else ""
            if "str" in annotation and "Any" not in annotation:
                for node in ast.walk(function):
                    if isinstance(node, ast.Return) and node.value is not None:
                        yield module, node.value

    def _of_a_name(self, module: Module, at: ast.expr, name: str) -> list[str]:
        """What was bound to it, in the function around or in a module, or what callers give for it."""
        function = module.function_of(at)
        while function is not None:
            bound = [value for node in ast.walk(function) for bound, value in _bound(node) if bound == name]
            given = self._given(function, name) if name in _parameters(function) else []
            if bound or given:
                sources = [(module, value) for value in bound] + given
                return [text for where, value in sources for text in self._once(where, value)] or [VALUE]
            function = module.function_of(function)
        everywhere = self._constants.get(name, [])
        here = [
            (where, value)
            for where, value in everywhere
            if where is module or module.imported.get(name) == where.path.stem
        ]
        return [text for where, value in here for text in self._once(where, value)] or [VALUE]

    def _given(self, function: Function, name: str) -> list[tuple[Module, ast.expr]]:
        """What callers of `function` give for its parameter `name`, if that may be a text."""
        parameters = [argument.arg for argument in function.args.args]
        (annotation,) = (argument.annotation for argument in _arguments(function) if argument.arg == name)
        if annotation is None or "str" not in ast.unparse(annotation):
            return []
        found = []
        for module, call in self._calls.get(function.name, ()):
            given = [keyword.value for keyword in call.keywords if keyword.arg == name]
            if name in parameters:
                at = parameters.index(name) - (parameters[0] == "self")
                given += call.args[at : at + 1]
            found += [(module, value) for value in given]
        return found

    def _once(self, module: Module, value: ast.expr) -> list[str]:
        """`_texts`, kept; nothing for what is being looked through already: `why = f"{why}, and more"`."""
        if value not in self._known:
            self._known[value] = [VALUE]
            self._known[value] = list(dict.fromkeys(self._texts(module, value)))
        return self._known[value]


def without_field(template: str) -> str:
    """The template without a field's name in front, which errors about fields are said with."""
    return _FIELD.sub("", template, count=1) if _FIELD.match(template) else template


def _is_phrase(text: str) -> bool:
    """Whether it has words to translate, rather than being a name."""
    words = without_field(text).replace(VALUE, "_").strip(" .;:,()")
    return " " in words and _PHRASE.search(words.replace("_", "")) is not None


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str))


def _is_own(function: ast.expr) -> bool:
    """Whether it is called as a function or as a method of the same object, which says surely which one it is."""
    return isinstance(function, ast.Name) or (isinstance(function, ast.Attribute) and _name(function.value) == "self")


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _arguments(function: Function) -> list[ast.arg]:
    return [*function.args.args, *function.args.kwonlyargs]


def _parameters(function: Function) -> list[str]:
    return [argument.arg for argument in _arguments(function)]


def _bound(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Names that a statement binds, each with what they are made of."""
    match node:
        case ast.Assign(targets=targets, value=value):
            pairs = [(target, value) for target in targets]
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
            pairs = [(target, value)]
        case ast.NamedExpr(target=target, value=value):
            pairs = [(target, value)]
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            pairs = [(target, value)]
        case _:
            return
    for target, value in pairs:
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
                yield part.id, value
        if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            yield target.value.id, value
