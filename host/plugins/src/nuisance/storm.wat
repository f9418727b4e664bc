;; Calls the host without end.
(component
  (import "wasi:clocks/monotonic-clock@0.2.12" (instance (export "now" (func (result u64)))))
  (core func (canon lower (func 0 "now")))
  (core module
    (import "" "now" (func (result i64)))
    (func (export "run") (loop (drop (call 0)) (br 0))))
  (core instance (export "now" (func 0)))
  (core instance (instantiate 0 (with "" (instance 0))))
  (func (export "run") (canon lift (core func 1 "run"))))
