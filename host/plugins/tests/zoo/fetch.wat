  ;; Fetches what its arguments name and says the body. Arguments: `"NKhost:port/path"`
  ;; with N requests one after the other (`0` stands for 40) and K the scheme, `h` for
  ;; http, `s` for https; `H` is http with an authorization header of the guest's own,
  ;; `I` http with a time-out of 50 ms between two pieces of the body, `B` http with a
  ;; header of 100 KiB, `F` http that goes where a `location` header sends it. Errors are
  ;; refused as `failed`, with the number of the code.
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme" (func $set_scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority" (func $set_authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query" (func $set_path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[constructor]request-options" (func $options (result i32)))
  (import "wasi:http/types@0.2.12" "[method]request-options.set-between-bytes-timeout" (func $set_idle (param i32 i32 i64) (result i32)))
  (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop_pollable (param i32)))
  (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $get (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]future-incoming-response" (func $drop_future (param i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-response" (func $drop_response (param i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $stream (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-body" (func $drop_body (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]input-stream" (func $drop_stream (param i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-response.headers" (func $headers_of (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.get" (func $values (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]fields" (func $drop_fields (param i32)))
  (data (i32.const 60060) "location")
  (data (i32.const 60000) "authorization")
  (data (i32.const 60016) "Bearer of-the-guest")
  (data (i32.const 60040) "body broke off")
  (global $ret (mut i32) (i32.const 0))
  (global $body (mut i32) (i32.const 0))
  (global $body_len (mut i32) (i32.const 0))

  (func $run (param $args i32) (param $len i32) (result i32)
    (local $count i32) (local $kind i32) (local $error i32)
    (global.set $ret (call $new (i32.const 64)))
    (local.set $count (i32.sub (i32.load8_u offset=1 (local.get $args)) (i32.const 48)))
    (if (i32.eqz (local.get $count)) (then (local.set $count (i32.const 40))))
    (local.set $kind (i32.load8_u offset=2 (local.get $args)))
    (loop $again
      (local.set $error
        (call $fetch (local.get $kind) (i32.add (local.get $args) (i32.const 3)) (i32.sub (local.get $len) (i32.const 4))))
      (if (local.get $error) (then (return (local.get $error))))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $again (local.get $count)))
    (call $answer (global.get $body) (global.get $body_len)))

  ;; 0, or an error to be returned
  (func $fetch (param $kind i32) (param $url i32) (param $len i32) (result i32)
    (local $headers i32) (local $request i32) (local $options i32) (local $future i32) (local $slash i32) (local $pollable i32)
    (local.set $headers (call $fields))
    (if (i32.eq (local.get $kind) (i32.const 72))
      (then (call $append (local.get $headers) (i32.const 60000) (i32.const 13) (i32.const 60016) (i32.const 19) (global.get $ret))))
    (if (i32.eq (local.get $kind) (i32.const 66))
      (then
        (drop (memory.grow (i32.const 4)))
        (memory.fill (i32.const 131072) (i32.const 120) (i32.const 102400))
        (call $append (local.get $headers) (i32.const 60000) (i32.const 13) (i32.const 131072) (i32.const 102400) (global.get $ret))
        (if (i32.load8_u (global.get $ret)) (then (return (call $say))))))
    (local.set $request (call $request (local.get $headers)))
    (drop (call $set_scheme (local.get $request) (i32.const 1) (i32.eq (local.get $kind) (i32.const 115)) (i32.const 0) (i32.const 0)))
    ;; the authority ends at the first slash
    (block $found (loop $next
      (br_if $found (i32.eq (i32.load8_u (i32.add (local.get $url) (local.get $slash))) (i32.const 47)))
      (local.set $slash (i32.add (local.get $slash) (i32.const 1)))
      (br $next)))
    (if (call $set_authority (local.get $request) (i32.const 1) (local.get $url) (local.get $slash)) (then unreachable))
    (if (call $set_path (local.get $request) (i32.const 1)
          (i32.add (local.get $url) (local.get $slash)) (i32.sub (local.get $len) (local.get $slash))) (then unreachable))
    (if (i32.eq (local.get $kind) (i32.const 73))
      (then
        (local.set $options (call $options))
        (if (call $set_idle (local.get $options) (i32.const 1) (i64.const 50000000)) (then unreachable))))
    (call $handle (local.get $request) (i32.ne (local.get $options) (i32.const 0)) (local.get $options) (global.get $ret))
    (if (i32.load8_u (global.get $ret)) (then (return (call $code (i32.load8_u offset=8 (global.get $ret))))))
    (local.set $future (i32.load offset=8 (global.get $ret)))
    (local.set $pollable (call $subscribe (local.get $future)))
    (call $block (local.get $pollable))
    (call $drop_pollable (local.get $pollable))
    ;; option<result<result<incoming-response, error-code>>>
    (call $get (local.get $future) (global.get $ret))
    (if (i32.eqz (i32.load8_u (global.get $ret))) (then unreachable))
    (if (i32.load8_u offset=8 (global.get $ret)) (then unreachable))
    (if (i32.load8_u offset=16 (global.get $ret)) (then (return (call $code (i32.load8_u offset=24 (global.get $ret))))))
    (call $drop_future (local.get $future))
    (local.set $request (i32.load offset=24 (global.get $ret)))
    (if (i32.eq (local.get $kind) (i32.const 70))
      (then
        (local.set $headers (call $headers_of (local.get $request)))
        (call $values (local.get $headers) (i32.const 60060) (i32.const 8) (global.get $ret))
        (call $drop_fields (local.get $headers))
        ;; the first of a list of texts, without its `http://`
        (if (i32.load offset=4 (global.get $ret))
          (then
            (local.set $url (i32.load (global.get $ret)))
            (return (call $fetch (local.get $kind)
              (i32.add (i32.load (local.get $url)) (i32.const 7)) (i32.sub (i32.load offset=4 (local.get $url)) (i32.const 7))))))))
    (call $take (local.get $request)))

  ;; Reads the whole body of a response into memory.
  (func $take (param $response i32) (result i32)
    (local $body i32) (local $stream i32)
    (call $consume (local.get $response) (global.get $ret))
    (local.set $body (i32.load offset=4 (global.get $ret)))
    (call $stream (local.get $body) (global.get $ret))
    (local.set $stream (i32.load offset=4 (global.get $ret)))
    (global.set $body_len (i32.const 0))
    (loop $more
      (call $read (local.get $stream) (i64.const 65536) (global.get $ret))
      (if (i32.eqz (i32.load8_u (global.get $ret)))
        (then
          ;; only the last piece is kept
          (if (i32.load offset=8 (global.get $ret))
            (then
              (global.set $body (i32.load offset=4 (global.get $ret)))
              (global.set $body_len (i32.load offset=8 (global.get $ret)))
              ;; a long body is read into the same place again
              (global.set $heap (i32.add (global.get $body) (select (i32.const 0) (i32.const 4096) (i32.gt_u (global.get $body_len) (i32.const 4000)))))))
          (br $more))))
    ;; closed is the end; last-operation-failed is none
    (if (i32.eqz (i32.load8_u offset=4 (global.get $ret)))
      (then (return (call $refuse (i32.const 3) (i32.const 60040) (i32.const 14)))))
    (if (i32.lt_u (global.get $heap) (i32.add (global.get $body) (global.get $body_len)))
      (then (global.set $heap (i32.add (global.get $body) (global.get $body_len)))))
    (call $drop_stream (local.get $stream))
    (call $drop_body (local.get $body))
    (call $drop_response (local.get $response))
    (i32.const 0))

  ;; The number of an error code as two digits: 04 is destination-IP-prohibited,
  ;; 15 HTTP-request-denied; see `error-code` of wasi:http/types.
  (func $code (param $code i32) (result i32)
    (local $text i32)
    (local.set $text (call $new (i32.const 8)))
    (i32.store8 (local.get $text) (i32.add (i32.const 48) (i32.div_u (local.get $code) (i32.const 10))))
    (i32.store8 offset=1 (local.get $text) (i32.add (i32.const 48) (i32.rem_u (local.get $code) (i32.const 10))))
    (call $refuse (i32.const 3) (local.get $text) (i32.const 2)))
