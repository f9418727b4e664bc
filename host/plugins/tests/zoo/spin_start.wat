  ;; Never even starts.
  (start $spin)
  (func $spin (loop $on (br $on)))
  (func $run (param i32 i32) (result i32) (call $say))
