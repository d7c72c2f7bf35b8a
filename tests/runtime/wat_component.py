"""Small WebAssembly components (WASI preview 2), each named after what it does."""

from __future__ import annotations

_LIBC = """
  (core module $Libc
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 8192))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $libc (instantiate $Libc))"""
_OPTIONS = '(memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))'
_STDOUT = f"""
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $io-error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $output-stream (sub resource)))
    (alias outer 1 $io-error (type $error0))
    (export "error" (type $error1 (eq $error0)))
    (type $failure (variant (case "last-operation-failed" (own $error1)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $failure)))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $output-stream)) (param "contents" (list u8))
      (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $stream (type $stream0))
    (export "output-stream" (type $stream1 (eq $stream0)))
    (export "get-stdout" (func (result (own $stream1))))))
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))))
  {_LIBC}
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower
    (func $streams "[method]output-stream.blocking-write-and-flush") {_OPTIONS}))
  (core func $get-environment (canon lower (func $environment "get-environment") {_OPTIONS}))
  (core instance $wasi
    (export "stdout" (func $get-stdout))
    (export "write" (func $write))
    (export "environment" (func $get-environment)))"""
_STDOUT_IMPORTS = """
    (import "libc" "memory" (memory 1))
    (import "wasi" "stdout" (func $stdout (result i32)))
    (import "wasi" "write" (func $write (param i32 i32 i32 i32)))
    (import "wasi" "environment" (func $environment (param i32)))
    (func $print (param $at i32) (param $size i32)
      (call $write (call $stdout) (local.get $at) (local.get $size) (i32.const 64)))"""
_FOR_EVER = "(loop $again (br $again))"


def _command(imports: str, module: str, body: str) -> str:
    """A command whose `run` is this body; 0 at its end is success, 1 failure."""
    return f"""(component {imports}
  (core module $Main {module}
    (func (export "run") (result i32) {body}))
  (core instance $main (instantiate $Main
    (with "libc" (instance $libc)) (with "wasi" (instance $wasi))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))"""


def _alone(body: str) -> str:
    return _command(f"{_LIBC} (core instance $wasi)", "", body)


NO_RUN = b"\0asm\x0d\0\x01\0"
SUCCEEDS, FAILS = _alone("(i32.const 0)"), _alone("(i32.const 1)")
TRAPS, LOOPS = _alone("unreachable"), _alone(f"{_FOR_EVER} (i32.const 0)")
UNKNOWN_IMPORT = f"""(component (import "factory:press/control" (instance
  (export "stroke" (func)))) {LOOPS.removeprefix("(component")}"""

GROWS = _command(
    f"{_LIBC} (core instance $wasi)",
    '(import "libc" "memory" (memory 1))',
    f"""(if (i32.eq (memory.grow (i32.const 31)) (i32.const -1)) (then unreachable))
    {_FOR_EVER} (i32.const 0)""",
)
"""Grows by 31 pages to 2 MiB; traps where it may not, else it runs on."""


def prints(text: str, then: str = _FOR_EVER) -> str:
    """Prints a text of plain characters, then runs the given instructions."""
    return _command(
        _STDOUT,
        f'{_STDOUT_IMPORTS} (data (i32.const 1024) "{text}")',
        f"(call $print (i32.const 1024) (i32.const {len(text)})) {then} (i32.const 0)",
    )


FIRST_VARIABLE = _command(
    _STDOUT,
    _STDOUT_IMPORTS,
    f"""(call $environment (i32.const 128))
    (if (i32.load (i32.const 132)) (then (call $print
      (i32.load offset=8 (i32.load (i32.const 128)))
      (i32.load offset=12 (i32.load (i32.const 128))))))
    {_FOR_EVER} (i32.const 0)""",
)
"""Prints the value of its first variable, and runs on."""

_FILE_ERRORS = [
    "access",
    "would-block",
    "already",
    "bad-descriptor",
    "busy",
    "deadlock",
    "quota",
    "exist",
    "file-too-large",
    "illegal-byte-sequence",
    "in-progress",
    "interrupted",
    "invalid",
    "io",
    "is-directory",
    "loop",
    "too-many-links",
    "message-size",
    "name-too-long",
    "no-device",
    "no-entry",
    "no-lock",
    "insufficient-memory",
    "insufficient-space",
    "not-directory",
    "not-empty",
    "not-recoverable",
    "unsupported",
    "no-tty",
    "no-such-device",
    "overflow",
    "not-permitted",
    "pipe",
    "read-only",
    "invalid-seek",
    "text-file-busy",
    "cross-device",
]


def _enum(words: list[str]) -> str:
    return f"(enum {' '.join(chr(34) + word + chr(34) for word in words)})"


def creates(directory: str) -> str:
    """Creates a folder in its first granted directory; fails where it has none or may not."""
    imports = f"""
  (import "wasi:filesystem/types@0.2.0" (instance $files
    (export "descriptor" (type $descriptor (sub resource)))
    (type $code0 {_enum(_FILE_ERRORS)})
    (export "error-code" (type $code (eq $code0)))
    (export "[method]descriptor.create-directory-at" (func (param "self" (borrow $descriptor))
      (param "path" string) (result (result (error $code)))))))
  (alias export $files "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $descriptor0))
    (export "descriptor" (type $descriptor1 (eq $descriptor0)))
    (export "get-directories" (func (result (list (tuple (own $descriptor1) string)))))))
  {_LIBC}
  (core func $create (canon lower
    (func $files "[method]descriptor.create-directory-at") {_OPTIONS}))
  (core func $directories (canon lower (func $preopens "get-directories") {_OPTIONS}))
  (core instance $wasi (export "create" (func $create)) (export "all" (func $directories)))"""
    module = f"""(import "libc" "memory" (memory 1))
    (import "wasi" "create" (func $create (param i32 i32 i32 i32)))
    (import "wasi" "all" (func $all (param i32)))
    (data (i32.const 1024) "{directory}")"""
    body = f"""(call $all (i32.const 128))
    (if (i32.eqz (i32.load (i32.const 132))) (then (return (i32.const 1))))
    (call $create (i32.load (i32.load (i32.const 128))) (i32.const 1024)
      (i32.const {len(directory)}) (i32.const 256))
    (i32.load8_u (i32.const 256))"""
    return _command(imports, module, body)


_SOCKET_ERRORS = [
    "unknown",
    "access-denied",
    "not-supported",
    "invalid-argument",
    "out-of-memory",
    "timeout",
    "concurrency-conflict",
    "not-in-progress",
    "would-block",
    "invalid-state",
    "new-socket-limit",
    "address-not-bindable",
    "address-in-use",
    "remote-unreachable",
    "connection-refused",
    "connection-reset",
    "connection-aborted",
    "datagram-too-large",
    "name-unresolvable",
    "temporary-resolver-failure",
    "permanent-resolver-failure",
]


def connects(port: int) -> str:
    """Begins to connect to this port of the host itself.

    Fails where that is denied, traps on any other error.
    """
    imports = f"""
  (import "wasi:sockets/network@0.2.0" (instance $network
    (export "network" (type (sub resource)))
    (type $code0 {_enum(_SOCKET_ERRORS)})
    (export "error-code" (type $code (eq $code0)))
    (type $family0 (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type $family (eq $family0)))
    (type $v4 (tuple u8 u8 u8 u8))
    (export "ipv4-address" (type $ipv4 (eq $v4)))
    (type $v4s (record (field "port" u16) (field "address" $ipv4)))
    (export "ipv4-socket-address" (type $ipv4s (eq $v4s)))
    (type $v6 (tuple u16 u16 u16 u16 u16 u16 u16 u16))
    (export "ipv6-address" (type $ipv6 (eq $v6)))
    (type $v6s (record (field "port" u16) (field "flow-info" u32) (field "address" $ipv6)
      (field "scope-id" u32)))
    (export "ipv6-socket-address" (type $ipv6s (eq $v6s)))
    (type $address0 (variant (case "ipv4" $ipv4s) (case "ipv6" $ipv6s)))
    (export "ip-socket-address" (type (eq $address0)))))
  (alias export $network "network" (type $net))
  (alias export $network "error-code" (type $code))
  (alias export $network "ip-address-family" (type $family))
  (alias export $network "ip-socket-address" (type $address))
  (import "wasi:sockets/instance-network@0.2.0" (instance $instance
    (alias outer 1 $net (type $net0))
    (export "network" (type $net1 (eq $net0)))
    (export "instance-network" (func (result (own $net1))))))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp
    (export "tcp-socket" (type $socket (sub resource)))
    (alias outer 1 $net (type $net0)) (export "network" (type $net1 (eq $net0)))
    (alias outer 1 $code (type $code0)) (export "error-code" (type $code1 (eq $code0)))
    (alias outer 1 $address (type $address0))
    (export "ip-socket-address" (type $address1 (eq $address0)))
    (export "[method]tcp-socket.start-connect" (func (param "self" (borrow $socket))
      (param "network" (borrow $net1)) (param "remote-address" $address1)
      (result (result (error $code1)))))))
  (alias export $tcp "tcp-socket" (type $socket))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $creation
    (alias outer 1 $socket (type $socket0)) (export "tcp-socket" (type $socket1 (eq $socket0)))
    (alias outer 1 $code (type $code0)) (export "error-code" (type $code1 (eq $code0)))
    (alias outer 1 $family (type $family0))
    (export "ip-address-family" (type $family1 (eq $family0)))
    (export "create-tcp-socket" (func (param "address-family" $family1)
      (result (result (own $socket1) (error $code1)))))))
  {_LIBC}
  (core func $net (canon lower (func $instance "instance-network")))
  (core func $create (canon lower (func $creation "create-tcp-socket") {_OPTIONS}))
  (core func $connect (canon lower (func $tcp "[method]tcp-socket.start-connect") {_OPTIONS}))
  (core instance $wasi (export "net" (func $net)) (export "create" (func $create))
    (export "connect" (func $connect)))"""
    module = """(import "libc" "memory" (memory 1))
    (import "wasi" "net" (func $net (result i32)))
    (import "wasi" "create" (func $create (param i32 i32)))
    (import "wasi" "connect" (func $connect
      (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"""
    zeros, denied = " (i32.const 0)" * 6, _SOCKET_ERRORS.index("access-denied")
    body = f"""(call $create (i32.const 0) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then (return (i32.const 1))))
    (call $connect (i32.load (i32.const 132)) (call $net) (i32.const 0) (i32.const {port})
      (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1){zeros}
      (i32.const 256))
    (if (i32.eqz (i32.load8_u (i32.const 256))) (then (return (i32.const 0))))
    (if (i32.ne (i32.load8_u (i32.const 257)) (i32.const {denied})) (then unreachable))
    (i32.const 1)"""
    return _command(imports, module, body)
