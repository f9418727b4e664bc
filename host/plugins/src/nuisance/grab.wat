;; Takes memory, a MiB at a time, and writes to all of it.
(component
  (core module
    (memory 1)
    (func (export "run")
      (loop
        (drop (memory.grow (i32.const 16)))
        (memory.fill (i32.mul (i32.sub (memory.size) (i32.const 16)) (i32.const 65536)) (i32.const 1) (i32.const 1048576))
        (br 0))))
  (core instance (instantiate 0))
  (func (export "run") (canon lift (core func 0 "run"))))
