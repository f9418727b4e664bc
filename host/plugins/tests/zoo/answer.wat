  ;; Well behaved: says its text.
  (func $run (param i32 i32) (result i32) (call $say))
