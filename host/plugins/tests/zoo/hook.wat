  ;; `hook`: what it does is the first letter of the point.
  (data (i32.const 60000) "not today")
  (data (i32.const 60016) "{\"changed\":true}")
  (data (i32.const 60032) "no json")
  (func (export "skynet:plugin/hook@0.1.0#points") (result i32) (call $new (i32.const 8)))
  (func (export "skynet:plugin/hook@0.1.0#before") (param $point i32) (param i32 i32 i32) (result i32)
    (local $at i32) (local $letter i32)
    (local.set $at (call $new (i32.const 16)))
    (local.set $letter (i32.load8_u (local.get $point)))
    ;; t: trap
    (if (i32.eq (local.get $letter) (i32.const 116)) (then unreachable))
    ;; b: block
    (if (i32.eq (local.get $letter) (i32.const 98))
      (then (call $verdict (local.get $at) (i32.const 1) (i32.const 60000) (i32.const 9))))
    ;; m: modify
    (if (i32.eq (local.get $letter) (i32.const 109))
      (then (call $verdict (local.get $at) (i32.const 2) (i32.const 60016) (i32.const 16))))
    ;; j: modify with what is no JSON
    (if (i32.eq (local.get $letter) (i32.const 106))
      (then (call $verdict (local.get $at) (i32.const 2) (i32.const 60032) (i32.const 7))))
    (local.get $at))
  (func (export "skynet:plugin/hook@0.1.0#after") (param $point i32) (param i32 i32 i32)
    (if (i32.eq (i32.load8_u (local.get $point)) (i32.const 116)) (then unreachable)))
  (func $verdict (param $at i32) (param $case i32) (param $text i32) (param $len i32)
    (i32.store (local.get $at) (local.get $case))
    (i32.store offset=4 (local.get $at) (local.get $text))
    (i32.store offset=8 (local.get $at) (local.get $len)))
