  ;; Takes 8 MiB and waits ten minutes, using no CPU.
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $subscribe (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (func $run (param i32 i32) (result i32)
    (drop (memory.grow (i32.const 128)))
    (call $block (call $subscribe (i64.const 600000000000)))
    (call $say))
