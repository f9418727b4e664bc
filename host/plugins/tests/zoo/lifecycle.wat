  ;; What every guest has: memory, an allocator that never frees (a store lives for
  ;; one call), and `lifecycle` over records that `zoo.rs` laid out as data.
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 65536))

  (func $alloc (export "cabi_realloc") (param $old i32) (param $was i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (loop $more
        (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))
        unreachable))
    (if (local.get $old) (then (memory.copy (local.get $at) (local.get $old) (local.get $was))))
    (local.get $at))

  (func $new (param $size i32) (result i32)
    (call $alloc (i32.const 0) (i32.const 0) (i32.const 8) (local.get $size)))

  (func (export "skynet:plugin/lifecycle@0.1.0#describe") (result i32) (global.get $describe))

  (func (export "skynet:plugin/lifecycle@0.1.0#configure") (param i32 i32) (result i32)
    (call $new (i32.const 16)))
