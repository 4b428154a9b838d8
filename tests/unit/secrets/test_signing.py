"""Does a signature hold for exactly the message it was made for, under exactly the accepted keys?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.secrets.signing import Algorithm, Message, generate, holder, sign, verify, verify_key

headers = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
messages = st.builds(Message, st.text(max_size=8), st.text(max_size=8), st.binary(max_size=40), headers)
algorithms = pytest.mark.parametrize("algorithm", ["ed25519", "hmac-sha256"])


@algorithms
@given(message=messages, other=messages)
def test_a_signature_fits_its_message_only(algorithm: Algorithm, message: Message, other: Message) -> None:
    key = generate(algorithm)
    accepted = {key.id: verify_key(key)}
    signature = sign(key, message)
    assert verify(accepted, signature, message).genuine
    assert verify(accepted, signature, other).genuine == (other == message)


@algorithms
def test_parts_cannot_be_moved_into_each_other(algorithm: Algorithm) -> None:
    key = generate(algorithm)
    accepted = {key.id: verify_key(key)}
    message = Message("ab", "c", b"body", {"tenant": "x"})
    signature = sign(key, message)
    for forged in (
        replace(message, task_id="a", task_type="bc"),
        replace(message, headers={"tenan": "tx"}),
        replace(message, headers={}, body=b"tenantxbody"),
        replace(message, headers={"tenant": "x", "": ""}),
    ):
        assert not verify(accepted, signature, forged).genuine


@algorithms
def test_two_keys_are_accepted_while_they_overlap(algorithm: Algorithm) -> None:
    old, new = generate(algorithm), generate(algorithm)
    message = Message("id", "code_generation", b"{}")
    both = {key.id: verify_key(key) for key in (old, new)}
    assert verify(both, sign(old, message), message).genuine
    assert verify(both, sign(new, message), message).genuine
    only_new = {new.id: verify_key(new)}
    assert "not accepted" in verify(only_new, sign(old, message), message).reason


def test_the_message_does_not_choose_the_algorithm() -> None:
    key = generate("ed25519")
    public = verify_key(key)
    message = Message("id", "code_generation", b"{}")
    forged = sign(replace(key, algorithm="hmac-sha256", secret=public.value), message)
    assert not verify({key.id: public}, forged, message).genuine


@given(st.one_of(st.none(), st.text(max_size=120)))
def test_any_text_as_a_signature_is_refused_with_a_reason(text: str | None) -> None:
    key = generate()
    accepted = {key.id: verify_key(key)}
    for signature in (text, f"{key.id}.{text}"):
        verdict = verify(accepted, signature, Message("id", "t", b""))
        assert not verdict.genuine
        assert verdict.reason


def test_keys_do_not_show_themselves() -> None:
    key = generate()
    assert repr(key.secret) not in repr(key)
    assert "value" not in repr(verify_key(key))


@algorithms
@given(message=messages)
def test_a_signature_says_whose_key_made_it(algorithm: Algorithm, message: Message) -> None:
    for name in ("", "code_generator"):
        key = generate(algorithm, name)
        assert holder(sign(key, message)) == name
        assert verify({key.id: verify_key(key)}, sign(key, message), message).genuine
