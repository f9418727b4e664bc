  ;; Asks for a GiB of random numbers in one go.
  (import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
  (func $run (param i32 i32) (result i32)
    (call $random (i64.const 0x40000000) (call $new (i32.const 8)))
    (call $say))
