;; A service in pure WASI preview 1: it greets at once, then again about every second.
;;
;;     Hello, World!
;;     Hello, World! (2)
;;
;; GREETING and ADDRESSEE come from its environment. Between two lines it sleeps in the host
;; (poll_oneoff), so it uses no processor time.
;;
;; One page of memory, 64 KiB, is all it has:
;;
;;     0x0000  scratch: where the host puts sizes, and what is handed to the host
;;     0x0100  constant texts
;;     0x1000  up to 2,048 pointers to environment variables
;;     0x3000  up to 16 KiB of environment: NAME=value, each ended by a zero byte
;;     0x8000  the line being written: both values fit, however long
(module
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param $count i32) (param $bytes i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get"
    (func $environ_get (param $pointers i32) (param $bytes i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $vectors i32) (param $count i32) (param $written i32)
      (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param $in i32) (param $out i32) (param $count i32) (param $events i32)
      (result i32)))

  (memory (export "memory") 1 1)

  (data (i32.const 0x100) "GREETING=")
  (data (i32.const 0x110) "Hello")
  (data (i32.const 0x120) "ADDRESSEE=")
  (data (i32.const 0x130) "World")
  (data (i32.const 0x140) ", ")
  (data (i32.const 0x142) "!")
  (data (i32.const 0x143) " (")
  (data (i32.const 0x145) ")")
  (data (i32.const 0x146) "\n")

  (global $variables (mut i32) (i32.const 0))
  (global $end (mut i32) (i32.const 0))  ;; where the line ends so far

  (func (export "_start")
    (local $turn i32)
    (call $read_environment)
    (loop $again
      (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
      (call $write_line (local.get $turn))
      (call $sleep (i64.const 1_000_000_000))
      (br $again)))

  ;; A call to the host must succeed (0); anything else ends the module with a trap.
  (func $must (param $errno i32)
    (if (local.get $errno) (then unreachable)))

  (func $read_environment
    (call $must (call $environ_sizes_get (i32.const 0) (i32.const 4)))
    (global.set $variables (i32.load (i32.const 0)))
    (if (i32.gt_u (global.get $variables) (i32.const 2048)) (then unreachable))
    (if (i32.gt_u (i32.load (i32.const 4)) (i32.const 16384)) (then unreachable))
    (call $must (call $environ_get (i32.const 0x1000) (i32.const 0x3000))))

  (func $write_line (param $turn i32)
    (global.set $end (i32.const 0x8000))
    (call $append (call $value (i32.const 0x100) (i32.const 9) (i32.const 0x110) (i32.const 5)))
    (call $append (i32.const 0x140) (i32.const 2))
    (call $append (call $value (i32.const 0x120) (i32.const 10) (i32.const 0x130) (i32.const 5)))
    (call $append (i32.const 0x142) (i32.const 1))
    (if (i32.gt_u (local.get $turn) (i32.const 1))
      (then
        (call $append (i32.const 0x143) (i32.const 2))
        (call $append_number (local.get $turn))
        (call $append (i32.const 0x145) (i32.const 1))))
    (call $append (i32.const 0x146) (i32.const 1))
    (call $print))

  ;; Add bytes to the line.
  (func $append (param $from i32) (param $length i32)
    (memory.copy (global.get $end) (local.get $from) (local.get $length))
    (global.set $end (i32.add (global.get $end) (local.get $length))))

  ;; Add a number to the line, the highest digit first.
  (func $append_number (param $number i32)
    (if (i32.ge_u (local.get $number) (i32.const 10))
      (then (call $append_number (i32.div_u (local.get $number) (i32.const 10)))))
    (i32.store8 (global.get $end)
      (i32.add (i32.const 0x30) (i32.rem_u (local.get $number) (i32.const 10))))
    (global.set $end (i32.add (global.get $end) (i32.const 1))))

  ;; Where the value of the variable NAME= lies and how long it is, else the default.
  (func $value (param $name i32) (param $size i32) (param $default i32) (param $default_size i32)
    (result i32 i32)
    (local $index i32) (local $at i32)
    (block $absent
      (loop $next
        (br_if $absent (i32.ge_u (local.get $index) (global.get $variables)))
        (local.set $at
          (i32.load (i32.add (i32.const 0x1000) (i32.shl (local.get $index) (i32.const 2)))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br_if $next
          (i32.eqz (call $same (local.get $at) (local.get $name) (local.get $size))))
        (local.set $at (i32.add (local.get $at) (local.get $size)))
        (return (local.get $at) (call $length (local.get $at)))))
    (local.get $default)
    (local.get $default_size))

  ;; 1 where two texts agree in their first bytes. A variable ends in a zero byte, which no name
  ;; holds, so this never reads past one.
  (func $same (param $a i32) (param $b i32) (param $size i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $size)) (then (return (i32.const 1))))
      (if (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b)))
        (then (return (i32.const 0))))
      (local.set $a (i32.add (local.get $a) (i32.const 1)))
      (local.set $b (i32.add (local.get $b) (i32.const 1)))
      (local.set $size (i32.sub (local.get $size) (i32.const 1)))
      (br $next))
    unreachable)

  ;; How many bytes come before the next zero byte.
  (func $length (param $text i32) (result i32)
    (local $end i32)
    (local.set $end (local.get $text))
    (block $found
      (loop $next
        (br_if $found (i32.eqz (i32.load8_u (local.get $end))))
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $next)))
    (i32.sub (local.get $end) (local.get $text)))

  ;; Write the line to standard output (1); the host may take it in parts.
  (func $print
    (local $at i32)
    (local.set $at (i32.const 0x8000))
    (loop $rest
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (i32.sub (global.get $end) (local.get $at)))
      (call $must (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
      (br_if $rest (i32.lt_u (local.get $at) (global.get $end)))))

  ;; Sleep in the host: one subscription (48 bytes at 0) to the monotonic clock, relative.
  (func $sleep (param $nanoseconds i64)
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 48))
    (i32.store (i32.const 16) (i32.const 1))                ;; clock: monotonic
    (i64.store (i32.const 24) (local.get $nanoseconds))     ;; timeout
    (call $must
      (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 96)))))
