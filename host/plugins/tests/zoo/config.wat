  ;; Says the setting that the arguments (a JSON string) name.
  (import "skynet:plugin/config@0.1.0" "get" (func $get (param i32 i32 i32)))
  (func $run (param $args i32) (param $len i32) (result i32)
    (local $ret i32)
    (local.set $ret (call $new (i32.const 16)))
    (call $get (i32.add (local.get $args) (i32.const 1)) (i32.sub (local.get $len) (i32.const 2)) (local.get $ret))
    (if (i32.load8_u (local.get $ret))
      (then (return (call $answer (i32.load offset=4 (local.get $ret)) (i32.load offset=8 (local.get $ret))))))
    (call $say))
