"""The house keeps its shape: imports point down only, the pure rooms are pure, files stay small.

A room is a file or a folder directly under jzrx/. A new one gets its line in MAY_IMPORT first.
"""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import jzrx

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "jzrx"
MAX_LINES = 450

PURE_LEAVES = {
    "advice",
    "errors",
    "options",
    "types",
    "checks",
    "headers",
    "events",
    "connection_events",
    "commands",
    "ports",
    "incoming",
}
LEAVES = PURE_LEAVES | {"action", "awaiting", "lookup"}
FACADE = {"audio_manager", "client", "call", "targets", "phone"}
FACES = {"cli", "notebook", "ui"}
ROOMS_BELOW_THE_FACADE = {"store", "sip", "media"}  # the events are what they share

# Which other rooms a room may import.
MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(LEAVES, LEAVES),
    **dict.fromkeys(ROOMS_BELOW_THE_FACADE, LEAVES),
    **dict.fromkeys(FACADE, LEAVES | ROOMS_BELOW_THE_FACADE | FACADE),
    "hooks": LEAVES | FACADE | {"store"},
    "doctor": LEAVES | FACADE | {"sip", "media"},
    "recording": LEAVES | {"store"},
    "testing": LEAVES | FACADE | ROOMS_BELOW_THE_FACADE | {"hooks", "recording"},
    "__main__": FACES,
    "public": LEAVES | FACADE | ROOMS_BELOW_THE_FACADE | {"hooks", "doctor"},
    "__init__": {"public"},
}

# What people see stands on the public API alone: these modules, and not what is inside them.
PUBLIC_MODULES = {
    "jzrx",
    "jzrx.errors",
    "jzrx.events",
    "jzrx.media",
    "jzrx.media.measure",
    "jzrx.recording",
    "jzrx.sip",
    "jzrx.testing",
}

IMPURE = {"asyncio", "websockets", "aiortc", "aioice", "time", "random", "secrets", "socket", "uuid"}
PURE_MEDIA = {
    "sdp",
    "negotiation",
    "ice_servers",
    "jitter",
    "comfort",
    "concealment",
    "playout",
    "rtp",
    "rtcp",
    "codecs",
    "g711",
    "g722",
    "opus",
    "resample",
    "swresample",
    "dtmf",
    "stats",
    "quality",
    "watch",
}
SIP_SHELL = {"engine", "transport"}
STORE_EDGE = {"jzrx.store.store", "jzrx.store.observable", "jzrx.store.hot"}  # where the store becomes Rx

# Libraries that one place wraps for all the others. transport.py alone touches the private parts of aiortc and aioice.
ONLY_IN = {
    "aioice": ("jzrx.media.transport", "jzrx.media.candidates", "jzrx.media.demux", "jzrx.media.probe"),
    "aiortc": ("jzrx.media",),
    "pylibsrtp": ("jzrx.media.srtp",),
    "websockets": ("jzrx.sip.transport", "jzrx.testing"),
}


class Import(NamedTuple):
    target: str  # the full name of the module
    line: int
    at_load: bool  # executed when the importing module is loaded


def name_of(file: Path) -> str:
    """The module's full name: "jzrx.sip.agent"; a package's is that of its folder."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def is_pure(module: str) -> bool:
    match module.split(".")[1:]:
        case ["store", *_]:
            return module not in STORE_EDGE
        case ["sip", *rest]:
            return not rest or rest[0] not in SIP_SHELL
        case ["media", part, *_]:
            return part in PURE_MEDIA
        case [leaf]:
            return leaf in PURE_LEAVES
        case _:
            return False


def may_be_pure(module: str) -> bool:
    return is_pure(module) or module in STORE_EDGE | {"jzrx.store"}  # which tests below hold to Rx, and nothing else


def _statements(node: ast.AST, at_load: bool = True) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, at_load
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from _statements(child, at_load=False)
        else:
            lazy = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _statements(child, at_load and not lazy)


@cache
def imports_of(module: str) -> tuple[Import, ...]:
    file = MODULES[module]
    found: list[Import] = []
    for node, at_load in _statements(ast.parse(file.read_bytes(), str(file))):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno, at_load) for alias in node.names]
            continue
        base = node.module or ""
        if node.level:
            package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
            base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
        # `from jzrx import events` names a module, `from jzrx import Event` a name of the package.
        names = {f"{base}.{alias.name}" for alias in node.names}
        found += [Import(name, node.lineno, at_load) for name in sorted(names & MODULES.keys())]
        if names - MODULES.keys():
            found.append(Import(base, node.lineno, at_load))
    return tuple(found)


def complaint(module: str, imported: Import, why: str) -> str:
    return f"{MODULES[module].relative_to(ROOT)}:{imported.line} imports {imported.target}: {why}"


def own_imports(module: str) -> Iterator[Import]:
    return (imported for imported in imports_of(module) if imported.target.split(".")[0] == "jzrx")


def test_every_room_has_its_place() -> None:
    unknown = {room_of(module) for module in MODULES} - MAY_IMPORT.keys() - FACES
    assert not unknown, f"say in MAY_IMPORT (tests/test_architecture.py) what these may import: {sorted(unknown)}"


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_imports_point_down_only(room: str) -> None:
    wrong = [
        complaint(module, imported, f"{room} may import {sorted(MAY_IMPORT[room])}")
        for module in MODULES
        if room_of(module) == room
        for imported in own_imports(module)
        if room_of(imported.target) not in MAY_IMPORT[room] | {room}
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("face", sorted(FACES))
def test_a_face_sees_only_the_public_api(face: str) -> None:
    wrong = [
        complaint(module, imported, f"{face} may import jzrx.ui and {sorted(PUBLIC_MODULES)}")
        for module in MODULES
        if room_of(module) == face
        for imported in own_imports(module)
        if room_of(imported.target) not in {face, "ui"} and imported.target not in PUBLIC_MODULES
    ]
    assert not wrong, "\n".join(wrong)


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {module: {i.target for i in own_imports(module) if i.at_load and i.target != module} for module in MODULES}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" <- ".join(error.args[1]), pytrace=False)


def test_pure_rooms_are_pure() -> None:
    """No clock, no randomness, no I/O, and nothing of ours that has them: those are handed in."""
    wrong = [
        complaint(module, imported, "a pure room is handed its clock, ids and I/O")
        for module in filter(is_pure, MODULES)
        for imported in imports_of(module)
        if imported.target.split(".")[0] in IMPURE
        or (imported.target in MODULES and imported.target != module and not may_be_pure(imported.target))
    ]
    assert not wrong, "\n".join(wrong)


def test_rx_stays_at_the_edge_of_the_store() -> None:
    wrong = [
        complaint(module, imported, f"the reducers and selectors are plain functions; Rx is for {sorted(STORE_EDGE)}")
        for module in MODULES
        if room_of(module) == "store" and module not in STORE_EDGE
        for imported in imports_of(module)
        if imported.target.split(".")[0] == "reactivex"
    ]
    assert not wrong, "\n".join(wrong)


def test_the_edge_of_the_store_does_no_io() -> None:
    wrong = [
        complaint(module, imported, "the store is handed its events, and knows no loop")
        for module in sorted(STORE_EDGE)
        for imported in imports_of(module)
        if imported.target.split(".")[0] in IMPURE
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("library", ONLY_IN)
def test_libraries_are_wrapped_in_one_place(library: str) -> None:
    wrong = [
        complaint(module, imported, f"only {' and '.join(ONLY_IN[library])} may")
        for module in MODULES
        if not f"{module}.".startswith(tuple(f"{place}." for place in ONLY_IN[library]))
        for imported in imports_of(module)
        if imported.target.split(".")[0] == library
    ]
    assert not wrong, "\n".join(wrong)


def test_files_are_small() -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in MODULES.values()}
    long = [f"{file.relative_to(ROOT)}: {lines} lines" for file, lines in lengths.items() if lines > MAX_LINES]
    assert not long, f"over {MAX_LINES} lines, find the second reason to exist: {long}"


def test_public_names_are_sorted_and_there() -> None:
    names = getattr(jzrx, "__all__", [])
    assert list(names) == sorted(set(names))
    missing = [name for name in names if not hasattr(jzrx, name)]
    assert not missing


def test_import_jzrx_is_light() -> None:
    """aiortc takes longer to load than all the rest; who only reads SIP or state must not pay for it."""
    code = "import jzrx.public, sys; print(*{'aiortc', 'av', 'numpy'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert not done.stdout.split(), f"import jzrx loads {done.stdout}"
