  ;; Calls itself until the stack ends.
  (func $run (param $a i32) (param $b i32) (result i32)
    (i32.add (i32.const 1) (call $run (local.get $b) (local.get $a))))
