"""Every place in jzrx/ where a failure that a user can see is made, read from the source: its class, text and code.

A text is a template: what the program fills in is an ellipsis, as in `the transfer failed: … …`.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TypeGuard

from attrs import frozen

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "jzrx"
HOLE = "…"

# Rooms whose exceptions no user meets by using a phone, and why.
UNSEEN = {
    "cli": "argparse shows them",
    "__main__": "it is the command's",
    "store": "misuse of a read-only mapping",
    "sip": "what a SIP value refuses is answered to the network, or is a MessageError of parse_message",
    "media": "frames and RTP inside the media thread",
}
SEEN_OF_MEDIA = {"frames", "sources", "feeds", "ice_servers", "negotiation", "thread", "endpoints"}
SEEN_OF_SIP = {"bodies"}
BUILTIN = {"ValueError", "TypeError", "RuntimeError", "ImportError"}


@frozen
class Maker:
    """A call that makes a failure of `kind`: the position of its text, that of its code, and what stands around it."""

    kind: str
    text: int = 0
    code: int | None = None
    form: str = "{}"
    default_code: str = ""


MAKERS = {
    "CallError": Maker("CallError", 0, 1),
    "RegistrationError": Maker("RegistrationError", 0, 1),
    "JambonzError": Maker("JambonzError"),
    "ConnectionError": Maker("ConnectionError"),
    "ConnectFailed": Maker("ConnectionError"),
    "CallEndCause": Maker("CallEndCause", 1, 0),
    "ValueError": Maker("ValueError"),
    "TypeError": Maker("TypeError"),
    "ImportError": Maker("ImportError"),
    "RuntimeError": Maker("RuntimeError"),
    "MediaError": Maker("CallEndCause", 0, 1, default_code="488"),
    "error_of": Maker("CallError", 1, form=f"{{}}: {HOLE} {HOLE}{HOLE}", default_code=HOLE),
}

# Functions that are handed, or return, the text of a failure and make it on behalf of others.
HANDED = {
    ("sip.connection.step", "_refusal"): Maker("ConnectionError", 1),
    ("sip.connection.step", "Refused"): Maker("RegistrationError", 1, 0),
    ("sip.registration", "_refused"): Maker("RegistrationError", 2, 1, default_code="408"),
    ("sip.transport", "_failed"): Maker("ConnectionError", 0),
    ("sip.session.transfer", "failed"): Maker("CallEndCause", 2, 1),
    ("sip.session.reoffer", "refused"): Maker("CallEndCause", 2, 1),
    ("sip.layer", "request_failed"): Maker("CallEndCause", 2, 1),
    ("media.negotiation", "_refusal"): Maker("CallEndCause", 0, default_code="488"),
    ("phone.media", "_failed"): Maker("CallEndCause", 2, 1),
}
RETURNED = {
    ("sip.transport", "explain"): Maker("ConnectionError"),
    ("sip.registration", "_hint"): Maker("RegistrationError", form=f"{HOLE}{{}}", default_code=HOLE),
}
# Tables of tuples, the last part of which is a text.
TABLES = {("advice", "_ADVICE"): Maker("CallError", form=f"{HOLE}; {{}}", default_code=HOLE)}


@frozen
class Failure:
    """A failure as it is made at `where` (module, function)."""

    kind: str
    text: str
    code: str
    where: str

    def __str__(self) -> str:
        return f"{self.kind} `{self.text}` ({self.code}), made in {self.where}"


Scope = Mapping[str, list[ast.expr]]


def _assigned(body: ast.AST) -> dict[str, list[ast.expr]]:
    """The values that names get anywhere in it."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(body):
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            pairs = [(node.target, node.value)]
        for target, value in pairs:
            if isinstance(target, ast.Name):
                found.setdefault(target.id, []).append(value)
            elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                for name, part in zip(target.elts, value.elts, strict=False):
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, []).append(part)
    return found


def _texts(node: ast.expr | None, scope: Scope) -> list[str]:
    """The templates that an expression can give."""
    match node:
        case ast.Constant(value=str() | int() as value):
            return [str(value)]
        case ast.Constant(value=None) | None:
            return [""]
        case ast.JoinedStr():
            return ["".join(_part(part, scope) for part in node.values)]
        case ast.BinOp(op=ast.Add()):
            return [a + b for a in _texts(node.left, scope) for b in _texts(node.right, scope)]
        case ast.IfExp():
            return [*_texts(node.body, scope), *_texts(node.orelse, scope)]
        case ast.BoolOp(op=ast.Or()):
            return [text for value in node.values for text in _texts(value, scope)]
        case ast.Call(func=ast.Name(id="reason_phrase"), args=[ast.Constant(value=int() as code)]):
            from jzrx.sip.status import reason_phrase

            return [reason_phrase(code)]
        case ast.Name() if node.id in scope:
            before = [value for value in scope[node.id] if value.lineno <= node.lineno]
            others = {name: values for name, values in scope.items() if name != node.id}
            return _texts((before or scope[node.id])[-1], others)
        case _:
            return [HOLE]


def _part(part: ast.expr, scope: Scope) -> str:
    match part:
        case ast.Constant():
            return str(part.value)
        case ast.FormattedValue(value=ast.Name(id=name)) if len(scope.get(name, ())) == 1:
            texts = _texts(part.value, scope)
            return texts[0] if len(texts) == 1 else HOLE
        case _:
            return HOLE


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Each function, and the module itself, each once; what is inside a function belongs to it."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                name = part.name if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) else "body"
                yield f"{node.name}.{name}", part
        else:
            yield "module", node


def _made_in(module: str, name: str, body: ast.AST, constants: Scope) -> Iterator[Failure]:
    scope = {**constants, **_assigned(body)}
    if returned := RETURNED.get((module, name)):
        for node in ast.walk(body):
            if isinstance(node, ast.Return):
                yield from _made_of(returned, node.value, None, scope, f"{module}.{name}")
    for node in ast.walk(body):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        maker = HANDED.get((module, called)) or MAKERS.get(called)
        if maker is None or (called == "ConnectionError" and module.startswith("media.")):  # the builtin one
            continue
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        for args in _spread(node.args, scope):
            text = args[maker.text] if len(args) > maker.text else named.get("message") or named.get("reason")
            code = args[maker.code] if maker.code is not None and len(args) > maker.code else named.get("code")
            yield from _made_of(maker, text, code, scope, f"{module}.{name}")


def _spread(args: list[ast.expr], scope: Scope) -> Iterator[list[ast.expr]]:
    """The arguments with what stands behind a `*` in its place, in all the ways that it can be."""
    match args:
        case [*before, ast.Starred(value=ast.IfExp(body=body, orelse=orelse))]:
            for choice in (body, orelse):
                yield from _spread([*before, ast.Starred(choice)], scope)
        case [*before, ast.Starred(value=ast.Tuple(elts=parts))]:
            yield [*before, *parts]
        case [*before, ast.Starred(value=ast.Name(id=name))] if name in scope:
            yield from _spread([*before, ast.Starred(scope[name][-1])], scope)
        case _:
            yield args


def _made_of(maker: Maker, text: ast.expr | None, code: ast.expr | None, scope: Scope, where: str) -> Iterator[Failure]:
    for words in _texts(text, scope):
        for given in [""] if code is None else _texts(code, scope):
            number = given or maker.default_code
            if words and (number or maker.kind != "CallEndCause"):
                shown = maker.form.format(words)
                yield Failure(maker.kind, f"{number} {shown}" if maker.kind == "CallEndCause" else shown, number, where)


def _ends_with_text(node: ast.AST) -> TypeGuard[ast.Tuple]:
    return isinstance(node, ast.Tuple) and isinstance(node.elts[-1], ast.Constant) and len(node.elts) > 2


def _is_seen(failure: Failure, module: str) -> bool:
    if failure.kind not in BUILTIN:
        return True
    room, last = module.split(".")[0], module.rpartition(".")[2]
    return room not in UNSEEN or (room == "media" and last in SEEN_OF_MEDIA) or (room == "sip" and last in SEEN_OF_SIP)


@cache
def failures() -> tuple[Failure, ...]:
    found: list[Failure] = []
    for file in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        if module == "errors":
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        top = ast.Module([node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)], [])
        constants = _assigned(top)
        for (home, table), maker in TABLES.items():
            if home == module:
                texts = [row.elts[-1] for row in ast.walk(constants[table][0]) if _ends_with_text(row)]
                found += (made for text in texts for made in _made_of(maker, text, None, constants, f"{home}.{table}"))
        for name, body in _functions(tree):
            found += (made for made in _made_in(module, name, body, constants) if _is_seen(made, module))
    return tuple(found)
