  ;; Makes a resource of its own and drops it; the destructor aborts.
  (import "[export]things" "[resource-new]thing" (func $make (param i32) (result i32)))
  (import "[export]things" "[resource-drop]thing" (func $drop (param i32)))
  (func $run (param i32 i32) (result i32)
    (call $drop (call $make (i32.const 7)))
    (call $say))
  (func (export "things#[dtor]thing") (param i32) unreachable)
