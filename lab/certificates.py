"""Certificates for faults of TLS: valid, expired, self-signed, for another host, not yet valid."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from lab.rig import Rig


class Pair(NamedTuple):
    """Paths of a certificate and its key."""

    cert: str
    key: str


FOLDER = "/srv/tls"


def authority(rig: Rig) -> str:
    """Make an authority and return the path of its certificate."""
    Path(FOLDER).mkdir(exist_ok=True)
    ca = f"{FOLDER}/ca.pem"
    if not Path(ca).exists():
        rig.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                "-subj", "/CN=Lab CA", "-keyout", f"{FOLDER}/ca.key", "-out", ca)  # fmt: skip
    return ca


def pair(rig: Rig, host: str, *, expired: bool = False, self_signed: bool = False) -> Pair:
    """Make a certificate for a host name, signed by the authority unless it is self-signed."""
    ca = authority(rig)
    name = f"{FOLDER}/{host}{'-expired' * expired}{'-self' * self_signed}"
    cert, key, request, extensions = f"{name}.pem", f"{name}.key", f"{name}.csr", f"{name}.ext"
    rig.write(extensions, f"subjectAltName=DNS:{host}\n")
    rig.run(
        "openssl",
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        f"/CN={host}",
        "-keyout",
        key,
        "-out",
        request,
    )
    if self_signed:
        rig.run(
            "openssl",
            "x509",
            "-req",
            "-in",
            request,
            "-signkey",
            key,
            "-days",
            "90",
            "-extfile",
            extensions,
            "-out",
            cert,
        )
    else:
        rig.write(f"{FOLDER}/serial", "01\n")
        rig.write(f"{FOLDER}/index.txt", "")
        rig.write(
            f"{FOLDER}/ca.cnf",
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={FOLDER}/index.txt\nserial={FOLDER}/serial\nnew_certs_dir={FOLDER}\n"
            "default_md=sha256\npolicy=p\nunique_subject=no\nrand_serial=yes\n[p]\ncommonName=supplied\n",
        )
        start, end = (
            ("20240101000000Z", "20250101000000Z") if expired else ("20260101000000Z", "20360101000000Z")
        )
        rig.run("openssl", "ca", "-batch", "-config", f"{FOLDER}/ca.cnf", "-cert", ca, "-keyfile", f"{FOLDER}/ca.key", "-in", request,
                "-out", cert, "-startdate", start, "-enddate", end, "-extfile", extensions, "-notext")  # fmt: skip
    for path in (cert, key):
        Path(path).chmod(0o644)
    return Pair(cert, key)
