"""Exchanges with one registry: logged in as docker is, bounded in silence and in all."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
from oras.auth import get_auth_backend
from oras.container import Container
from oras.provider import Registry as Oras
from requests.exceptions import RequestException, SSLError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from urllib3.exceptions import HTTPError

from margo_gitops.artifacts.reference import Reference
from margo_gitops.bounded import Bounded
from margo_gitops.errors import MargoError, Missing, Stalled, Unreachable

ATTEMPTS = 3
_BLOCK = 1 << 16
_RUNS_ON = "what runs goes on running"


class _Again(Unreachable):
    """It may be gone in a second."""


class Line:
    """One repository of one registry; for one thread at a time."""

    def __init__(self, reference: Reference, *, plain: bool) -> None:
        logging.getLogger("oras.logger").setLevel(logging.CRITICAL)  # it would print to our users
        self._base = f"{'http' if plain else 'https'}://{reference.api_host}/v2/"
        self._path = reference.repository
        self._host = reference.host
        self._name = f"{reference.host}/{reference.repository}"
        self._oras = Oras(hostname=reference.api_host, insecure=plain)
        self._oras.session.auth = lambda request: request  # else .netrc would overrule docker's
        for scheme in ("http://", "https://"):
            self._oras.session.mount(scheme, Bounded())
        self._entered = False

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        expected: Collection[int],
        *,
        data: bytes | None = None,
    ) -> requests.Response:
        """A response of one of the expected kinds, its body not read yet.

        `path` is below the repository, or a whole URL of an upload.
        """
        url = path if "://" in path else f"{self._base}{self._path}/{path}"
        again = Retrying(
            retry=retry_if_exception_type(_Again),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=2.0),
            reraise=True,
        )
        return again(lambda: self._once(method, url, headers, expected, data))

    def blocks(self, response: requests.Response) -> Iterator[bytes]:
        """The body as it comes."""
        try:
            while block := response.raw.read1(_BLOCK):
                yield block
        except (HTTPError, RequestException, OSError) as error:
            raise self._fault(error) from error
        finally:
            response.close()

    def upload(self, digest: str, data: bytes) -> None:
        """Put a blob there (OCI distribution specification, POST then PUT)."""
        begun = self.ask("POST", "blobs/uploads/", {"Content-Length": "0"}, (202,))
        place = requests.compat.urljoin(begun.url, begun.headers.get("Location", ""))
        begun.close()
        if requests.compat.urlsplit(place).netloc != requests.compat.urlsplit(self._base).netloc:
            raise Stalled(f"{self._name} wants the upload at another host: not followed")
        prepared = requests.Request("PUT", place, params={"digest": digest}).prepare()
        headers = {"Content-Type": "application/octet-stream"}
        self.ask("PUT", prepared.url or place, headers, (201,), data=data).close()

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        expected: Collection[int],
        data: bytes | None,
    ) -> requests.Response:
        try:
            self._enter()
            response = self._request(method, url, dict(headers), data)
        except (HTTPError, RequestException, OSError) as error:
            raise self._fault(error) from error
        except (ValueError, AttributeError) as error:  # what oras says without credentials
            raise self._shut_out() from error
        if response.status_code in expected:
            return response
        response.close()
        raise self._judged(response.status_code)

    def _request(
        self, method: str, url: str, headers: dict[str, str], data: bytes | None
    ) -> requests.Response:
        """As oras does it, but without its own long pauses between tries."""
        auth, session = self._oras.auth, self._oras.session
        known = getattr(auth, "token", None)
        if known:
            headers |= auth.get_auth_header()
        response: requests.Response = session.request(
            method, url, data=data, headers=headers, stream=True
        )
        if response.status_code not in {401, 403}:
            return response
        response.close()
        again, changed = auth.authenticate_request(response, headers, refresh=bool(known))
        if not changed:
            raise self._shut_out()
        answer: requests.Response = session.request(
            method, url, data=data, headers=again, stream=True
        )
        return answer

    def _enter(self) -> None:
        """See once which way the registry wants people to log in, and who we are to docker."""
        if self._entered:
            return
        response = self._oras.session.get(self._base, stream=True)
        asked = response.headers.get("Www-Authenticate", "")
        response.close()
        if asked.lower().startswith("basic"):
            self._oras.auth = get_auth_backend("basic", self._oras.session)
        if folder := os.environ.get("DOCKER_CONFIG"):  # which oras does not know
            self._oras.auth._auth_config = _logins(Path(folder) / "config.json")  # noqa: SLF001
        self._oras.auth.load_configs(Container(f"{self._host}/{self._path}"))
        self._entered = True

    def _judged(self, status: int) -> MargoError:
        if status == 404:
            return Missing(f"{self._name} does not have it")
        if status in {401, 403}:
            return self._shut_out()
        if status == 429 or status >= 500:
            return _Again(f"{self._name} answered {status}: it is overloaded or broken")
        return Unreachable(f"{self._name} answered {status}")

    def _shut_out(self) -> Stalled:
        return Stalled(
            f"the registry of {self._name} does not let us do this",
            then=_RUNS_ON,
            help=f"docker login {self._host}",
        )

    def _fault(self, error: Exception) -> MargoError:
        if isinstance(error, SSLError):
            return Stalled(
                f"{self._name} has a certificate that is not trusted here",
                then=_RUNS_ON,
                help="REQUESTS_CA_BUNDLE=ca.pem, with the authority that signed it",
            )
        return _Again(f"{self._name} was not reached: {type(error).__name__}")


def _logins(config: Path) -> dict[str, Any]:
    """Where docker keeps whom it knows at which registry."""
    try:
        found = json.loads(config.read_text()) if config.exists() else {}
    except (OSError, ValueError) as error:
        raise Stalled(
            f"{config} cannot be read as docker's configuration", help="docker login"
        ) from error
    keys = ("auths", "credsStore", "credHelpers")
    return {"auths": {}, "credHelpers": {}, **{key: found[key] for key in keys if key in found}}
