
  ;; Runs the arguments as a command in its shell, waits for a second, and says what that said.
  (import "skynet:plugin/terminal@0.1.0" "run" (func $command (param i32 i32 i32 i32)))
  (func $run (param $args i32) (param $len i32) (result i32)
    (local $ret i32)
    (local.set $ret (call $new (i32.const 56)))
    (call $command (i32.add (local.get $args) (i32.const 1)) (i32.sub (local.get $len) (i32.const 2))
                   (i32.const 1000) (local.get $ret))
    (if (i32.load8_u (local.get $ret))
      (then (return (call $refuse (i32.const 3) (i32.load offset=8 (local.get $ret)) (i32.load offset=12 (local.get $ret))))))
    (call $answer (i32.load offset=8 (local.get $ret)) (i32.load offset=12 (local.get $ret))))
