"""How does Python run the Lua that production runs inside Redis?

The same files with the same includes, in the same language version (Lua 5.1) by default; LuaJIT speaks that language
too, gives the same answers several times faster, and carries the simulator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fleet.store.scripts import source

Dialect = Literal["lua51", "luajit21"]


def runtime(dialect: Dialect = "lua51") -> Any:
    """Return a fresh Lua interpreter without access to Python objects' attributes."""
    if dialect == "luajit21":
        import lupa.luajit21 as lua
    else:
        import lupa.lua51 as lua
    return lua.LuaRuntime(unpack_returned_tuples=True, register_eval=False, register_builtins=False)


def load(path: str, *names: str, dialect: Dialect = "lua51") -> tuple[Any, ...]:
    """Return the named local functions of `fleet/<path>` (includes expanded), callable from Python."""
    return load_into(runtime(dialect), path, *names)


def load_into(interpreter: Any, path: str, *names: str) -> tuple[Any, ...]:
    """Return the named local functions of `fleet/<path>`, defined in this interpreter."""
    answer = interpreter.execute(f"{source(path)}\nreturn {', '.join(names)}")
    return answer if isinstance(answer, tuple) else (answer,)


def table(interpreter: Any, value: Any) -> Any:
    """Return the value with mappings and sequences turned into Lua tables, however deep."""
    if isinstance(value, Mapping):
        return interpreter.table_from({key: table(interpreter, item) for key, item in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, str):
        return interpreter.table_from([table(interpreter, item) for item in value])
    return value
