  ;; Says the value of the secret that the arguments name, or refuses with the host's words.
  (import "skynet:plugin/secret-reveal@0.1.0" "reveal" (func $reveal (param i32 i32 i32)))
  (func $run (param $args i32) (param $len i32) (result i32)
    (local $ret i32)
    (local.set $ret (call $new (i32.const 16)))
    (call $reveal (i32.add (local.get $args) (i32.const 1)) (i32.sub (local.get $len) (i32.const 2)) (local.get $ret))
    (if (i32.load8_u (local.get $ret))
      (then (return (call $refuse (i32.const 3) (i32.load offset=4 (local.get $ret)) (i32.load offset=8 (local.get $ret))))))
    (call $answer (i32.load offset=4 (local.get $ret)) (i32.load offset=8 (local.get $ret))))
