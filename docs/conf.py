"""The docs site: `make docs` builds it into build/docs, offline, with warnings as errors."""

import sys
from pathlib import Path
from typing import Any

import attrs
from reactivex import Observable
from sphinx.application import Sphinx
from sphinx.util.typing import stringify_annotation

from jzrx import VERSION, JambonzClient, StoreView

sys.path.insert(0, str(Path(__file__).parent.parent))  # for `docs.pictures`

project = "jzrx"
copyright = "the jzrx contributors"  # noqa: A001 - the name that Sphinx wants
release = version = VERSION
html_title = f"jzrx {VERSION}"
html_theme = "furo"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["pictures.css"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "docs.pictures"]
exclude_patterns = ["README.md"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

# In docstrings `name` is code, and a link where there is something of that name.
default_role = "py:obj"
add_module_names = False
toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "undoc-members": True, "exclude-members": "emitter"}
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True

# The union of all events is shown by its name.
for seen in (JambonzClient, StoreView):
    seen.events.fget.__annotations__["return"] = Observable[type("Event", (), {"__module__": "jzrx.events"})]

nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", "(?s).*"),  # code that is no name of ours is only code
    # What is not ours, type variables, and what is inside.
    ("py:class", r"(?!jzrx\.).*"),
    ("py:class", r".*\.[TU](_co)?"),
    ("py:class", r"jzrx\.(action|phone|store|sip|media|testing)\.(.*\.)?[^.]+"),
]


def fields_of(attribute: "attrs.Attribute[Any]") -> str:
    """A field as it stands in a signature: `name: type = default`."""
    kind = stringify_annotation(attribute.type, "smart", short_literals=True)
    match attribute.default:
        case attrs.NOTHING:
            return f"{attribute.name}: {kind}"
        case attrs.Factory():
            return f"{attribute.name}: {kind} = ..."
        case "":  # it is required: the validator says so
            return f"{attribute.name}: {kind}"
        case default:
            return f"{attribute.name}: {kind} = {default!r}"


def readable(
    _app: Sphinx, what: str, _name: str, thing: Any, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """An attrs class is made with its fields; autodoc would show how attrs stores the defaults."""
    if what not in ("class", "exception") or not attrs.has(thing):
        return signature, returns
    positional = [fields_of(field) for field in attrs.fields(thing) if field.init and not field.kw_only]
    keywords = [fields_of(field) for field in attrs.fields(thing) if field.init and field.kw_only]
    return f"({', '.join([*positional, *(['*', *keywords] if keywords else [])])})", returns


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-signature", readable)
