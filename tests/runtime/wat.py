"""Small WebAssembly modules, each named after what it does."""

from __future__ import annotations

_WRITE = """
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))"""
_EXIT = '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'
_PRINT = """
  (func $print (param $at i32) (param $size i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $size))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"""

TRAPS = '(module (func (export "_start") unreachable))'
LOOPS = '(module (func (export "_start") (loop $again (br $again))))'
RETURNS = '(module (func (export "_start")))'
NO_START = '(module (func (export "run")))'
UNKNOWN_IMPORT = '(module (import "env" "socket" (func)) (func (export "_start")))'
LARGE_FROM_THE_START = '(module (memory 32) (func (export "_start")))'

GROWS = """(module (memory (export "memory") 1)
  (func (export "_start")
    (if (i32.eq (memory.grow (i32.const 31)) (i32.const -1)) (then unreachable))
    (loop $again (br $again))))"""
"""Grows by 31 pages to 2 MiB; traps where it may not, else it runs on."""


def exits(code: int) -> str:
    """Ends with an exit code."""
    return f"""(module {_EXIT} (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const {code}))))"""


def prints(text: str, then: str = "") -> str:
    """Prints a text of plain characters, then runs the given instructions."""
    return f"""(module {_WRITE} (memory (export "memory") 1)
  (data (i32.const 16) "{text}") {_PRINT}
  (func (export "_start") (call $print (i32.const 16) (i32.const {len(text)})) {then}))"""


def floods(line: int) -> str:
    """Prints lines of this many bytes for ever."""
    return f"""(module {_WRITE} (memory (export "memory") 1) {_PRINT}
  (func (export "_start")
    (memory.fill (i32.const 16) (i32.const 120) (i32.const {line - 1}))
    (i32.store8 (i32.const {15 + line}) (i32.const 10))
    (loop $again (call $print (i32.const 16) (i32.const {line})) (br $again))))"""


ENVIRONMENT = f"""(module {_WRITE}
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
  (memory (export "memory") 1) {_PRINT}
  (func (export "_start")
    (drop (call $sizes (i32.const 16) (i32.const 20)))
    (drop (call $get (i32.const 0x100) (i32.const 0x1000)))
    (call $print (i32.const 0x1000) (i32.load (i32.const 20)))
    (loop $again (br $again))))"""
"""Prints its whole environment, each variable ended by a zero byte, and runs on."""

ARGUMENTS = ENVIRONMENT.replace("environ_sizes_get", "args_sizes_get").replace(
    "environ_get", "args_get"
)
"""Prints its arguments, each ended by a zero byte, and runs on."""


def creates(directory: str, parent: int = 3) -> str:
    """Creates a folder below its first granted directory; its exit code is WASI's errno."""
    return f"""(module {_EXIT}
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $create (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 16) "{directory}")
  (func (export "_start")
    (call $exit
      (call $create (i32.const {parent}) (i32.const 16) (i32.const {len(directory)})))))"""


SLEEPS_LONG = """(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 3600_000_000_000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 96)))))"""
"""Sleeps an hour in the host, where no epoch interrupts it."""
