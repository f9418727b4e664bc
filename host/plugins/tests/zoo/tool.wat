  ;; `tool`: hands the JSON text of the arguments to `$run` of the guest at hand.
  (func (export "skynet:plugin/tool@0.1.0#tools") (result i32) (global.get $tools))

  (func (export "skynet:plugin/tool@0.1.0#call")
    (param $name i32) (param $name_len i32) (param $args i32) (param $args_len i32)
    (param i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32) (result i32)
    (call $run (local.get $args) (local.get $args_len)))

  ;; ok(outcome { content: [text] })
  (func $answer (param $text i32) (param $len i32) (result i32)
    (local $at i32)
    (local.set $at (call $new (i32.const 64)))
    (i32.store offset=4 (local.get $at) (i32.add (local.get $at) (i32.const 32)))
    (i32.store offset=8 (local.get $at) (i32.const 1))
    (i32.store offset=36 (local.get $at) (local.get $text))
    (i32.store offset=40 (local.get $at) (local.get $len))
    (local.get $at))

  ;; err(tool-error): 2 denied, 3 failed
  (func $refuse (param $case i32) (param $text i32) (param $len i32) (result i32)
    (local $at i32)
    (local.set $at (call $new (i32.const 32)))
    (i32.store (local.get $at) (i32.const 1))
    (i32.store offset=4 (local.get $at) (local.get $case))
    (i32.store offset=8 (local.get $at) (local.get $text))
    (i32.store offset=12 (local.get $at) (local.get $len))
    (local.get $at))

  ;; The text that `zoo.rs` gave this guest to say.
  (func $say (result i32) (call $answer (global.get $said) (global.get $said_len)))
