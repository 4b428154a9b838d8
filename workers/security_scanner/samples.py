"""What does a program that deserves findings look like?

A small web shop with planted weaknesses, as inline `files` for a `security_analysis` task. It shows that the scanners
really look: `EXPECTED` names what each file must at least be found guilty of. The secrets are put together from pieces
at run time and belong to nobody; no scanner sees one in this file itself.
"""

from __future__ import annotations

from workers.security_scanner.findings import HARD_CODED_CREDENTIAL

_ACCESS_KEY = "AKIA" + "Z7Q2" + "M4KX" + "W3JD" + "5VRT"
_SHOP_LOGIN = "Tr0ub4dor" + "-and-" + "3agles"
_SIGNING_KEY = "c2hvcC1z" + "aWduaW5n" + "LWtleS1m" + "b3ItdGhl" + "LWRlbW8="

_STORE = """\
import sqlite3


def customer_by_name(connection: sqlite3.Connection, name: str) -> list[tuple[object, ...]]:
    return connection.execute("SELECT id, name FROM customers WHERE name = '%s'" % name).fetchall()


def delete_order(connection: sqlite3.Connection, order_id: str) -> None:
    connection.execute(f"DELETE FROM orders WHERE id = {order_id}")
"""

_EXPORT = """\
import hashlib
import pickle
import subprocess

import yaml


def compress(path: str) -> None:
    subprocess.run("tar czf export.tgz " + path, shell=True, check=True)


def settings(text: str) -> object:
    return yaml.load(text, Loader=yaml.Loader)


def restore(blob: bytes) -> object:
    return pickle.loads(blob)


def etag(body: bytes) -> str:
    return hashlib.md5(body).hexdigest()
"""

_CONFIG = f"""\
DATABASE_HOST = "db.shop.example"
DATABASE_PASSWORD = "{_SHOP_LOGIN}"
AWS_ACCESS_KEY_ID = "{_ACCESS_KEY}"
SESSION_SIGNING_KEY = "{_SIGNING_KEY}"
"""

_CLIENT = """\
import requests


def price(url: str) -> float:
    return float(requests.get(url, verify=False).json()["price"])


def total(expression: str) -> float:
    return eval(expression)
"""

_CLEAN = """\
def with_tax(net: int, percent: int) -> int:
    return net + net * percent // 100
"""

VULNERABLE_SHOP: dict[str, str] = {
    "shop/store.py": _STORE,
    "shop/export.py": _EXPORT,
    "shop/config.py": _CONFIG,
    "shop/client.py": _CLIENT,
    "shop/tax.py": _CLEAN,
}
"""Payload: `{"files": VULNERABLE_SHOP}`."""

EXPECTED: dict[str, frozenset[str]] = {
    "shop/store.py": frozenset({"hardcoded-sql-expressions"}),
    "shop/export.py": frozenset({"subprocess-popen-with-shell-equals-true", "yaml-load", "pickle", "hashlib"}),
    "shop/config.py": frozenset({HARD_CODED_CREDENTIAL}),
    "shop/client.py": frozenset({"request-with-no-cert-validation", "eval"}),
    "shop/tax.py": frozenset(),
}
"""file -> kinds every complete scan finds there; an empty set means nothing at all is found."""
