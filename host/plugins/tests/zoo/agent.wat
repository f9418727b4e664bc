  ;; `"2TEXT"` asks the agent two times and says the last answer.
  (import "skynet:plugin/agent@0.1.0" "ask" (func $ask (param i32 i32 i32)))
  (data (i32.const 60000) "cancelled")
  (func $run (param $args i32) (param $len i32) (result i32)
    (local $ret i32) (local $left i32)
    (local.set $ret (call $new (i32.const 24)))
    (local.set $left (i32.sub (i32.load8_u offset=1 (local.get $args)) (i32.const 48)))
    (loop $again
      (call $ask (i32.add (local.get $args) (i32.const 2)) (i32.sub (local.get $len) (i32.const 3)) (local.get $ret))
      (if (i32.load8_u (local.get $ret))
        (then
          (if (i32.eq (i32.load8_u offset=4 (local.get $ret)) (i32.const 2))
            (then (return (call $refuse (i32.const 3) (i32.const 60000) (i32.const 9)))))
          (return (call $refuse (i32.add (i32.const 2) (i32.load8_u offset=4 (local.get $ret)))
                                (i32.load offset=8 (local.get $ret)) (i32.load offset=12 (local.get $ret))))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (call $answer (i32.load offset=4 (local.get $ret)) (i32.load offset=8 (local.get $ret))))
