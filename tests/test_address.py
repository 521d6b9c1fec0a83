from __future__ import annotations

import socket

import pytest

from musicgen_api import address
from musicgen_api.settings import ConfigurationError


def test_a_free_address_is_bound_and_let_go() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address.require("127.0.0.1", port)
    address.require("localhost", port)


def test_a_port_in_use_is_said_to_be_after_a_few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "RETRY_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"^PORT cannot be used: .* {port} at '127.0.0.1' \(HOST\)"):
            address.require("127.0.0.1", port)


def test_a_port_that_is_let_go_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    monkeypatch.setattr(address.time, "sleep", lambda _: listener.close())
    address.require("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("no-such-host.invalid", "is not known as a name of this machine"),
        ("192.0.2.1", "is not an address of this machine"),  # for documentation only: RFC 5737
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_host_that_is_not_this_machine_s_is_refused_at_once_and_quoted(host: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^HOST .*cannot be used: ") as caught:
        address.require(host, 0)
    assert repr(host) in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(("number", "variable"), [("EACCES", "PORT"), ("EAFNOSUPPORT", "HOST and PORT")])
def test_every_other_reason_names_the_variables_too(
    number: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    failure = OSError(getattr(errno, number), "as the system says it")
    monkeypatch.setattr(address, "_bind", lambda host, port: failure)
    with pytest.raises(ConfigurationError, match=rf"^{variable} cannot be used: .*80\b"):
        address.require("127.0.0.1", 80)
