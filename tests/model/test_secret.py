"""Which names look like secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margo_gitops.model.secret import looks_secret

SECRET = """
    password passwd passphrase secret token credential credentials apiKey privateKey accessKey
    dbPassword DB_PASSWORD db-password mqtt.password adminPasswd clientSecret authToken apitoken
    API_KEY apikey API-KEY tls_private_key awsSecretAccessKey password2 DB_PASSWORD_PROD
"""
PLAIN = """
    tokenizer publicKey secretName secretary passwordLength tokenUrl token_ttl maxTokens
    usePassword
    keyboard monkey bandpass compass imagePullSecretName credentialsFile port greeting key
"""
TERMS = (("password",), ("secret",), ("token",), ("api", "key"), ("private", "key"), ("passwd",))


@pytest.mark.parametrize("name", SECRET.split())
def test_a_secret_is_known_by_its_name(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", PLAIN.split())
def test_what_only_speaks_of_a_secret_is_none(name: str) -> None:
    assert not looks_secret(name)


@given(
    st.lists(st.sampled_from(["db", "mqtt", "admin", "north", "broker"]), max_size=3),
    st.sampled_from(TERMS),
)
def test_the_joint_of_words_does_not_matter(before: list[str], term: tuple[str, ...]) -> None:
    words = [*before, *term]
    camel = words[0] + "".join(word.title() for word in words[1:])
    spelled = {"_".join(words), "-".join(words), ".".join(words), "_".join(words).upper(), camel}
    assert {looks_secret(name) for name in spelled} == {True}
    assert not looks_secret("_".join([*words, "name"]))


@given(st.text(max_size=3000))
def test_any_name_has_an_answer(name: str) -> None:
    assert looks_secret(name) in {True, False}
