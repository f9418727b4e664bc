  ;; Three times: computes for some 30 ms by the clock, then waits for 1 ms. Says its text.
  (import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $subscribe (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (func $run (param i32 i32) (result i32)
    (local $end i64) (local $count i32)
    (loop $again
      (local.set $end (i64.add (call $now) (i64.const 30000000)))
      (loop $on (br_if $on (i64.lt_u (call $now) (local.get $end))))
      (call $block (call $subscribe (i64.const 1000000)))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $count) (i32.const 3))))
    (call $say))
