  ;; Takes memory, a MiB at a time, for as long as it gets any.
  (func $run (param i32 i32) (result i32)
    (loop $more
      (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (call $say))
