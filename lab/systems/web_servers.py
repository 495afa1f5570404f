"""Apache and Varnish before a small service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lab.causes import NOT_RUNNING
from lab.certificates import pair
from lab.rig import Rig
from lab.system import System

apache = System("apache", packages=("apache2", "python3-requests"), service="apache")
varnish = System("varnish", packages=("varnish", "python3-requests"), service="varnish")
MODULES = [
    "mpm_event",
    "authn_core",
    "authz_core",
    "authz_host",
    "dir",
    "alias",
    "proxy",
    "proxy_http",
    "ssl",
    "socache_shmcb",
    "auth_basic",
    "authn_file",
    "authz_user",
    "rewrite",
]


def launch(rig: Rig, more: str = "", user: str = "www-data") -> None:
    """Start Apache and do not wait."""
    rig.folder("/srv/apache")
    rig.write("/srv/www/index.html", '{"items": [1]}')
    modules = "\n".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in MODULES
    )
    rig.write(
        "/srv/apache/httpd.conf",
        f"""ServerName apache
ServerRoot /srv/apache
PidFile /srv/apache/pid
{modules}
User {user}
Group www-data
Listen 10.0.1.29:80
ErrorLog /dev/stderr
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog /dev/stdout common
StartServers 1
ProxyTimeout 2
DocumentRoot /srv/www
<Directory /srv/www>
Require all granted
AllowOverride All
</Directory>
ProxyPass /api http://catalogue:8080/
{more}
""",
    )
    rig.spawn("apache", "apache2", "-D", "FOREGROUND", "-f", "/srv/apache/httpd.conf")


def serve(rig: Rig, more: str = "") -> None:
    """Start Apache and the service behind it."""
    rig.app("catalogue", "web.py", "10.0.1.45", "8080")
    rig.wait_port("catalogue", 8080)
    launch(rig, more)
    rig.wait_port("apache", 80)


def checkout(rig: Rig, rounds: int, url: str = "http://apache/api/items", **env: str) -> None:
    rig.work("checkout", "http_client.py", url, str(rounds), env=env)


@apache.starts
def start(rig: Rig) -> None:
    serve(rig)


@apache.loads
def load(rig: Rig) -> None:
    checkout(rig, 8)


@apache.fault(
    "backend-killed", kind="dependency-killed", what="the service behind Apache is killed",
    cause="The backend service is not running.", accept=NOT_RUNNING,
    signal="AH00957|AH01114|attempt to connect to .* failed", affected=("catalogue", "apache", "checkout"), target="catalogue",
)  # fmt: skip
def backend_killed(rig: Rig) -> Iterator[None]:
    rig.kill("catalogue")
    checkout(rig, 8)
    yield


@apache.fault(
    "backend-slow", kind="slow-dependency", what="the service answers after three seconds, ProxyTimeout is two",
    cause="The backend answers more slowly than ProxyTimeout.", accept=("backend|upstream|catalogue|proxy", "slow|timeout|timed out|not answer|too long"),
    signal="AH01102|The timeout specified has expired", affected=("catalogue", "apache", "checkout"), target="catalogue",
)  # fmt: skip
def backend_slow(rig: Rig) -> Iterator[None]:
    rig.stop("catalogue")
    rig.app("catalogue", "web.py", "10.0.1.45", "8080", env={"SLOW": "3"})
    rig.wait_port("catalogue", 8080)
    checkout(rig, 4, TIMEOUT="6")
    yield


@apache.fault(
    "syntax-error", kind="bad-config", what="the configuration holds a misspelt directive",
    cause="The configuration has an invalid directive.", accept=("config|directive|syntax", "invalid|misspel|error|unknown|bad|wrong|not valid"),
    signal="Invalid command|Syntax error", cold=True,
)  # fmt: skip
def syntax_error(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        launch(rig, "ProxyPas /x http://catalogue:8080/")
        rig.processes["apache"].wait(10)
    yield


@apache.fault(
    "htaccess", kind="bad-deployment", what="a deployment brings a .htaccess with an unknown directive",
    cause="The .htaccess file has an invalid directive.", accept=("htaccess",),
    signal="htaccess: Invalid command", affected=("apache", "checkout"),
)  # fmt: skip
def htaccess(rig: Rig) -> Iterator[None]:
    rig.write("/srv/www/.htaccess", "ExpireActive On\n")
    checkout(rig, 8, "http://apache/index.html")
    yield
    Path("/srv/www/.htaccess").unlink()


@apache.fault(
    "forbidden", kind="access-denied", what="the rules deny the client",
    cause="The server's access rules deny the client (Require).", accept=("den(y|ied)|Require|not allow|access rule|forbid", "client|rule|config|Require|server"),
    signal="AH01630|client denied", affected=("apache", "checkout"), cold=True,
)  # fmt: skip
def forbidden(rig: Rig) -> Iterator[None]:
    serve(rig, "<Location /api>\nRequire ip 192.0.2.0/24\n</Location>")
    checkout(rig, 8)
    yield


@apache.fault(
    "not-readable", kind="wrong-permissions", what="a file is readable for root only",
    cause="Apache's user may not read the file.", accept=("permission|may not read|not readable|access rights|mode",),
    signal="Permission denied", affected=("apache", "checkout"),
)  # fmt: skip
def not_readable(rig: Rig) -> Iterator[None]:
    Path("/srv/www/index.html").chmod(0o600)
    checkout(rig, 8, "http://apache/index.html")
    yield
    Path("/srv/www/index.html").chmod(0o644)


@apache.fault(
    "key-mismatch", kind="certificate-key-mismatch", what="the key belongs to another certificate",
    cause="The private key does not belong to the certificate.", accept=("key", "match|belong|pair"),
    signal="AH02565|key values mismatch|do not match", cold=True,
)  # fmt: skip
def key_mismatch(rig: Rig) -> Iterator[None]:
    mine, other = pair(rig, "apache"), pair(rig, "catalogue")
    for _ in range(2):
        launch(
            rig,
            f"Listen 10.0.1.29:443\n<VirtualHost *:443>\nSSLEngine on\nSSLCertificateFile {mine.cert}\nSSLCertificateKeyFile {other.key}\n</VirtualHost>",
        )
        rig.processes["apache"].wait(10)
    yield


@apache.healthy("load")
def busy(rig: Rig) -> None:
    checkout(rig, 60, PAUSE="0.01")


@apache.healthy("graceful-restart", kind="restart")
def graceful(rig: Rig) -> None:
    import signal

    rig.kill("apache", signal.SIGUSR1)
    rig.pause(1.5)
    checkout(rig, 10)


VCL = """vcl 4.1;
backend default { .host = "10.0.1.45"; .port = "8080"; .connect_timeout = 1s; .first_byte_timeout = 1s;
  .probe = { .url = "/healthz"; .interval = 500ms; .timeout = 300ms; .window = 3; .threshold = 2; } }
sub vcl_recv { return (pass); }
"""


def cache(rig: Rig, vcl: str = VCL, *options: str) -> None:
    """Start Varnish and its log of errors and requests, and do not wait."""
    rig.write("/srv/shop.vcl", vcl)
    rig.spawn(
        "varnish",
        "varnishd",
        "-F",
        "-j",
        "none",
        "-n",
        "/srv/varnish",
        "-a",
        "10.0.1.35:80",
        "-f",
        "/srv/shop.vcl",
        "-s",
        "malloc,16m",
        *options,
    )


def logs(rig: Rig) -> None:
    """Collect the access log and backend health."""
    rig.pause(1.5)
    rig.spawn(
        "varnishlog",
        "varnishlog",
        "-n",
        "/srv/varnish",
        "-g",
        "raw",
        "-i",
        "Backend_health,FetchError,Error,BackendOpen",
    )
    rig.spawn("varnishncsa", "varnishncsa", "-n", "/srv/varnish")


@varnish.starts
def start_varnish(rig: Rig) -> None:
    rig.app("catalogue", "web.py", "10.0.1.45", "8080")
    rig.wait_port("catalogue", 8080)
    cache(rig)
    rig.wait_port("varnish", 80, 40)
    logs(rig)


@varnish.loads
def load_varnish(rig: Rig) -> None:
    checkout(rig, 8, "http://varnish/items")


@varnish.fault(
    "backend-killed", kind="dependency-killed", what="the service behind Varnish is killed",
    cause="The backend service is not running.", accept=NOT_RUNNING,
    signal="FetchError|503", affected=("catalogue", "varnish", "checkout"), target="catalogue",
)  # fmt: skip
def varnish_backend(rig: Rig) -> Iterator[None]:
    rig.kill("catalogue")
    rig.pause(2)
    checkout(rig, 8, "http://varnish/items")
    yield


@varnish.fault(
    "backend-slow", kind="slow-dependency", what="the service answers after 1.6 seconds, the first byte must come within one",
    cause="The backend answers more slowly than first_byte_timeout.", accept=("backend|upstream|origin", "slow|timeout|timed out|not answer|too long"),
    signal="first byte timeout|FetchError", affected=("catalogue", "varnish", "checkout"), target="catalogue",
)  # fmt: skip
def varnish_slow(rig: Rig) -> Iterator[None]:
    rig.stop("catalogue")
    rig.app("catalogue", "web.py", "10.0.1.45", "8080", env={"SLOW": "1.6"})
    rig.wait_port("catalogue", 8080)
    checkout(rig, 5, "http://varnish/items", TIMEOUT="5")
    yield


@varnish.fault(
    "bad-vcl", kind="bad-config", what="the VCL has a syntax error",
    cause="The VCL does not compile: it has a syntax error.", accept=("VCL", "syntax|compil|error|invalid|bad|wrong"),
    signal="VCC-compiler|VCL compilation failed", cold=True,
)  # fmt: skip
def bad_vcl(rig: Rig) -> Iterator[None]:
    for _ in range(3):
        cache(rig, VCL.replace("return (pass);", "return pass;"))
        rig.processes["varnish"].wait(20)
    yield


@varnish.fault(
    "name-unknown", kind="dns-unknown-name", what="the VCL names a backend host that does not exist",
    cause="The backend's host name does not resolve.", accept=("resol|DNS|host ?name|could not be resolved",),
    signal="could not be resolved|Backend host", cold=True,
)  # fmt: skip
def varnish_name(rig: Rig) -> Iterator[None]:
    for _ in range(2):
        cache(rig, VCL.replace("10.0.1.45", "catalog.shop.svc"))
        rig.processes["varnish"].wait(30)
    yield


@varnish.healthy("load")
def busy_varnish(rig: Rig) -> None:
    checkout(rig, 50, "http://varnish/items", PAUSE="0.01")
