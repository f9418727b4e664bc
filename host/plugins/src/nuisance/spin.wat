;; Computes without end.
(component
  (core module (func (export "run") (loop (br 0))))
  (core instance (instantiate 0))
  (func (export "run") (canon lift (core func 0 "run"))))
