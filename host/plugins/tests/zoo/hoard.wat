  ;; Takes memory, a MiB at a time, and writes to all of it, for as long as it gets any.
  (func $run (param i32 i32) (result i32)
    (loop $more
      (drop (memory.grow (i32.const 16)))
      (memory.fill
        (i32.mul (i32.sub (memory.size) (i32.const 16)) (i32.const 65536)) (i32.const 120) (i32.const 1048576))
      (br $more))
    unreachable)
