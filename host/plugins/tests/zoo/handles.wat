  ;; Opens pollables and never drops one.
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $subscribe (param i64) (result i32)))
  (func $run (param i32 i32) (result i32)
    (local $count i32)
    (loop $more
      (drop (call $subscribe (i64.const 1000000000000)))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $count) (i32.const 100000))))
    (call $say))
