"""A real git server for tests: nginx, fcgiwrap and `git http-backend`, plain and TLS."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.running import answers, end, free_port, start
from tests.waiting import until

BACKEND = Path("/usr/lib/git-core/git-http-backend")
USER, PASSWORD = "site one", "p:ass/wörd"
TOKEN = "a-token-of-forty-characters-or-so"

_CONFIG = """
daemon off; pid {root}/nginx.pid; error_log {root}/error.log; {user}
worker_processes 2;
events {{ worker_connections 4096; }}
http {{
  log_format each "$connection $request_method $request_uri $status $bytes_sent";
  access_log {root}/access.log each; client_max_body_size 0; client_body_temp_path {root}/body;
  fastcgi_temp_path {root}/fcgi; proxy_temp_path {root}/proxy; uwsgi_temp_path {root}/uwsgi;
  scgi_temp_path {root}/scgi; keepalive_requests 10000;
  map $http_authorization $bearer_ok {{ default 0; "Bearer {token}" 1; }}
  server {{
    listen 127.0.0.1:{port}; listen 127.0.0.1:{tls} ssl;
    ssl_certificate {root}/server.pem; ssl_certificate_key {root}/server.key;
    location ~ ^/open(?<repo>/.*)$ {{ include {root}/backend.conf; }}
    location ~ ^/basic(?<repo>/.*)$ {{
      auth_basic "fleet"; auth_basic_user_file {root}/users; include {root}/backend.conf;
    }}
    location ~ ^/token(?<repo>/.*)$ {{
      if ($bearer_ok = 0) {{ return 401; }}
      include {root}/backend.conf;
    }}
    location /files/ {{ alias {root}/repos/; }}
    location /busy/ {{ return 503; }}
    location ~ ^/moved/(?<rest>.*)$ {{ return 301 /open/$rest$is_args$args; }}
    location /away/ {{ return 302 http://elsewhere.invalid$request_uri; }}
  }}
  server {{
    listen 127.0.0.1:{strict} ssl; ssl_verify_client on;
    ssl_certificate {root}/server.pem; ssl_certificate_key {root}/server.key;
    ssl_client_certificate {root}/client.pem;
    location ~ ^/open(?<repo>/.*)$ {{ include {root}/backend.conf; }}
  }}
}}
"""

_BACKEND_CONFIG = """
fastcgi_pass unix:{root}/fcgi.sock;
fastcgi_param SCRIPT_FILENAME {backend};
fastcgi_param GIT_PROJECT_ROOT {root}/repos;
fastcgi_param GIT_HTTP_EXPORT_ALL "";
fastcgi_param PATH_INFO $repo;
fastcgi_param REMOTE_USER $remote_user;
fastcgi_param HOME {root};
fastcgi_param QUERY_STRING $query_string;
fastcgi_param REQUEST_METHOD $request_method;
fastcgi_param CONTENT_TYPE $content_type;
fastcgi_param CONTENT_LENGTH $content_length;
"""


@dataclass(frozen=True)
class GitServer:
    """A running server; repositories are made below `repos`."""

    root: Path
    port: int
    tls: int
    strict: int

    @property
    def authority(self) -> Path:
        """The certificate that the server's TLS certificate is, signed by itself."""
        return self.root / "server.pem"

    def repository(self, name: str) -> Path:
        """A new bare repository that takes pushes."""
        path = self.root / "repos" / name
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True)
        subprocess.run(["git", "-C", path, "config", "http.receivepack", "true"], check=True)
        return path

    def url(self, name: str, *, door: str = "open", tls: bool = False, userinfo: str = "") -> str:
        """Where a repository is served: behind no door, `basic`, or `token`."""
        start = f"https://{userinfo}localhost" if tls else f"http://{userinfo}127.0.0.1"
        return f"{start}:{self.tls if tls else self.port}/{door}/{name}"

    def strict_url(self, name: str) -> str:
        """Where it is served to those that show the certificate `client` only."""
        return f"https://localhost:{self.strict}/open/{name}"

    def requests(self) -> list[str]:
        """The access log: connection, method, URI, status, bytes sent."""
        return (self.root / "access.log").read_text().splitlines()


def problem() -> str | None:
    """Why no git server can be started here."""
    for program in ("nginx", "fcgiwrap", "openssl", "git"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None if BACKEND.exists() else f"{BACKEND} is not installed"


@contextmanager
def git_server(root: Path) -> Iterator[GitServer]:
    """A server that ends with the block."""
    port, tls, strict = free_port(), free_port(), free_port()
    _configure(root, port, tls, strict)
    with (root / "log").open("wb") as log:
        fcgi = start(["fcgiwrap", "-c", "4", "-s", f"unix:{root}/fcgi.sock"], log)
        try:
            until((root / "fcgi.sock").exists)
            nginx = start(["nginx", "-e", f"{root}/error.log", "-c", f"{root}/nginx.conf"], log)
            try:
                until(lambda: answers(port) and answers(tls))
                yield GitServer(root, port, tls, strict)
            finally:
                end(nginx)
        finally:
            end(fcgi)


def _configure(root: Path, port: int, tls: int, strict: int) -> None:
    (root / "repos").mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    values = {
        "root": root,
        "port": port,
        "tls": tls,
        "strict": strict,
        "token": TOKEN,
        "user": user,
    }
    (root / "nginx.conf").write_text(_CONFIG.format(**values))
    (root / "backend.conf").write_text(_BACKEND_CONFIG.format(root=root, backend=BACKEND))
    hashed = _said(["openssl", "passwd", "-apr1", "-stdin"], PASSWORD)
    (root / "users").write_text(f"{USER}:{hashed}\n")
    make_certificate(root / "server", "DNS:localhost")
    make_certificate(root / "client", "DNS:client")
    make_certificate(root / "stranger", "DNS:client")
    make_certificate(root / "elsewhere", "DNS:elsewhere.invalid")


def make_certificate(stem: Path, names: str) -> None:
    """`stem`.pem and `stem`.key: a certificate for these names that signed itself."""
    _said(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={stem.name}",
         "-addext", f"subjectAltName={names}", "-keyout", f"{stem}.key", "-out", f"{stem}.pem"],
    )  # fmt: skip


def _said(argv: list[str], input: str = "") -> str:
    done = subprocess.run(argv, input=input.encode(), capture_output=True, check=True)
    return done.stdout.decode().strip()
