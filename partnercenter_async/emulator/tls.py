"""A certificate authority of one's own and a certificate for localhost."""

import ssl
import tempfile
from pathlib import Path

import trustme


class Certificates:
    """A fresh authority, its PEM file for clients, and the server's side of TLS. `close` removes the file."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self._folder = tempfile.TemporaryDirectory(prefix="partnercenter-emulator-")
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        self.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        key_file = Path(self._folder.name) / "server.pem"
        authority.issue_cert("localhost", "127.0.0.1", "::1").private_key_and_cert_chain_pem.write_to_path(
            str(key_file)
        )
        self.server_context.load_cert_chain(key_file)
        key_file.unlink()

    def client_context(self) -> ssl.SSLContext:
        """Return a context for clients that trusts this authority and no other."""
        return ssl.create_default_context(cafile=self.ca_file)

    def close(self) -> None:
        """Remove the PEM file."""
        self._folder.cleanup()
