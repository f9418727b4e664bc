  ;; A million lines to the host's log.
  (import "skynet:plugin/log@0.1.0" "log" (func $log (param i32 i32 i32)))
  (func $run (param i32 i32) (result i32)
    (local $count i32)
    (loop $more
      (call $log (i32.const 4) (global.get $said) (global.get $said_len))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $count) (i32.const 1000000))))
    (call $say))
