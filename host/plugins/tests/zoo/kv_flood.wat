  ;; Sets a thousand keys to 100 bytes each, whatever the store says to it.
  (import "skynet:plugin/kv@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
  (func $run (param i32 i32) (result i32)
    (local $count i32) (local $ret i32) (local $heap i32)
    (local.set $ret (call $new (i32.const 24)))
    (local.set $heap (global.get $heap))
    (loop $more
      ;; three letters that count
      (i32.store8 (i32.const 8192) (i32.add (i32.const 97) (i32.and (local.get $count) (i32.const 15))))
      (i32.store8 (i32.const 8193) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $count) (i32.const 4)) (i32.const 15))))
      (i32.store8 (i32.const 8194) (i32.add (i32.const 97) (i32.and (i32.shr_u (local.get $count) (i32.const 8)) (i32.const 15))))
      (call $set (i32.const 8192) (i32.const 3) (i32.const 12288) (i32.const 100) (local.get $ret))
      ;; the words of a refusal are not kept
      (global.set $heap (local.get $heap))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $count) (i32.const 1000))))
    ;; an answer is made of memory that nothing was in
    (global.set $heap (i32.add (local.get $heap) (i32.const 32768)))
    (call $say))
