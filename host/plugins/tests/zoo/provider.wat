  ;; `provider`: what it does is the first letter of the model asked for.
  (import "skynet:plugin/delta-sink@0.1.0" "[method]delta-sink.emit" (func $emit (param i32 i32 i32 i32)))
  (import "skynet:plugin/delta-sink@0.1.0" "[resource-drop]delta-sink" (func $drop_sink (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $subscribe (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (data (i32.const 60000) "hello wide world")
  (data (i32.const 60032) "slow down")
  (data (i32.const 60048) "oddity")

  ;; Ends a delta list of `$count` deltas at `$list`; 0: taken, 1: cancelled, 2: too large.
  (func $push (param $sink i32) (param $list i32) (param $count i32) (result i32)
    (local $ret i32)
    (local.set $ret (call $new (i32.const 16)))
    (call $emit (local.get $sink) (local.get $list) (local.get $count) (local.get $ret))
    (if (i32.eqz (i32.load8_u (local.get $ret))) (then (return (i32.const 0))))
    (i32.add (i32.const 1) (i32.load8_u offset=4 (local.get $ret))))

  ;; One delta (56 bytes) with a string as payload.
  (func $delta (param $at i32) (param $case i32) (param $text i32) (param $len i32)
    (i32.store (local.get $at) (local.get $case))
    (i32.store offset=8 (local.get $at) (local.get $text))
    (i32.store offset=12 (local.get $at) (local.get $len)))

  ;; ok(completion): stop end-turn, 7 tokens in, 3 out
  (func $done (result i32)
    (local $at i32)
    (local.set $at (call $new (i32.const 80)))
    (i64.store offset=24 (local.get $at) (i64.const 7))
    (i64.store offset=32 (local.get $at) (i64.const 3))
    (local.get $at))

  ;; err(provider-error) with "slow down" as text
  (func $error (param $case i32) (result i32)
    (local $at i32)
    (local.set $at (call $new (i32.const 80)))
    (i32.store (local.get $at) (i32.const 1))
    (i32.store offset=8 (local.get $at) (local.get $case))
    (i32.store offset=16 (local.get $at) (i32.const 60032))
    (i32.store offset=20 (local.get $at) (i32.const 9))
    (local.get $at))

  (func (export "skynet:plugin/provider@0.1.0#models") (result i32)
    (local $at i32)
    (local.set $at (call $new (i32.const 80)))
    (i32.store offset=8 (local.get $at) (i32.add (local.get $at) (i32.const 16)))
    (i32.store offset=12 (local.get $at) (i32.const 1))
    ;; model-info: id and name are what the guest says
    (i32.store offset=16 (local.get $at) (global.get $said))
    (i32.store offset=20 (local.get $at) (global.get $said_len))
    (i32.store offset=24 (local.get $at) (global.get $said))
    (i32.store offset=28 (local.get $at) (global.get $said_len))
    (local.get $at))

  (func (export "skynet:plugin/provider@0.1.0#complete") (param $args i32) (result i32)
    (local $sink i32) (local $answer i32)
    ;; the request takes 160 bytes, the handle follows
    (local.set $sink (i32.load offset=160 (local.get $args)))
    (local.set $answer (call $complete (i32.load8_u (i32.load (local.get $args))) (local.get $sink)))
    (call $drop_sink (local.get $sink))
    (local.get $answer))

  (func $complete (param $letter i32) (param $sink i32) (result i32)
    (local $list i32) (local $pushed i32)
    (local.set $list (call $new (i32.const 224)))
    ;; t: three texts in two emits, usage, stop
    (if (i32.eq (local.get $letter) (i32.const 116))
      (then
        (call $delta (local.get $list) (i32.const 0) (i32.const 60000) (i32.const 6))
        (if (call $push (local.get $sink) (local.get $list) (i32.const 1)) (then unreachable))
        (call $delta (local.get $list) (i32.const 0) (i32.const 60006) (i32.const 5))
        (call $delta (i32.add (local.get $list) (i32.const 56)) (i32.const 0) (i32.const 60011) (i32.const 5))
        ;; usage 7 in, 3 out; stop end-turn
        (i32.store offset=112 (local.get $list) (i32.const 7))
        (i64.store offset=120 (local.get $list) (i64.const 7))
        (i64.store offset=128 (local.get $list) (i64.const 3))
        (i32.store offset=168 (local.get $list) (i32.const 8))
        (if (call $push (local.get $sink) (local.get $list) (i32.const 4)) (then unreachable))
        (return (call $done))))
    ;; f: text for as long as somebody reads
    (if (i32.eq (local.get $letter) (i32.const 102))
      (then
        (call $delta (local.get $list) (i32.const 0) (i32.const 60000) (i32.const 16))
        (loop $more
          (local.set $pushed (call $push (local.get $sink) (local.get $list) (i32.const 1)))
          (br_if $more (i32.eqz (local.get $pushed))))
        (return (call $error (i32.const 8)))))
    ;; b: a delta of 2 MiB; the host must take none of it
    (if (i32.eq (local.get $letter) (i32.const 98))
      (then
        (drop (memory.grow (i32.const 48)))
        (call $delta (local.get $list) (i32.const 0) (i32.const 131072) (i32.const 2097152))
        (if (i32.ne (call $push (local.get $sink) (local.get $list) (i32.const 1)) (i32.const 2)) (then unreachable))
        (return (call $done))))
    ;; s: silence
    (if (i32.eq (local.get $letter) (i32.const 115))
      (then
        (call $block (call $subscribe (i64.const 900000000000)))
        (return (call $done))))
    ;; c: spins
    (if (i32.eq (local.get $letter) (i32.const 99)) (then (loop $on (br $on))))
    ;; x: one text, then a trap
    (if (i32.eq (local.get $letter) (i32.const 120))
      (then
        (call $delta (local.get $list) (i32.const 0) (i32.const 60000) (i32.const 5))
        (drop (call $push (local.get $sink) (local.get $list) (i32.const 1)))
        unreachable))
    ;; 0 to 9: that case of provider-error; 1 and 2 with a wait of 1500 ms
    (local.set $list (call $error (i32.sub (local.get $letter) (i32.const 48))))
    (if (i32.or (i32.eq (local.get $letter) (i32.const 49)) (i32.eq (local.get $letter) (i32.const 50)))
      (then
        (i32.store offset=24 (local.get $list) (i32.const 1))
        (i64.store offset=32 (local.get $list) (i64.const 1500))))
    (if (i32.eq (local.get $letter) (i32.const 57))
      (then
        (i32.store offset=24 (local.get $list) (i32.const 60048))
        (i32.store offset=28 (local.get $list) (i32.const 6))))
    (local.get $list))
