  ;; Prints 4 MiB, 4 KiB at a time, then says its text.
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func $print (param i32 i32 i32 i32)))
  (func $run (param i32 i32) (result i32)
    (local $count i32) (local $out i32) (local $ret i32)
    (local.set $out (call $stdout))
    (local.set $ret (call $new (i32.const 16)))
    (memory.fill (i32.const 8192) (i32.const 120) (i32.const 4096))
    (loop $more
      (call $print (local.get $out) (i32.const 8192) (i32.const 4096) (local.get $ret))
      (if (i32.load8_u (local.get $ret)) (then unreachable))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $count) (i32.const 1024))))
    (call $say))
