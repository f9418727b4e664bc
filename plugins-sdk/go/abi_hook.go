//go:build wasip1

// What a hook exports. Offsets are those of wit/hook.wit, which is frozen.
package skynet

import (
	"encoding/json"
	"unsafe"
)

//go:wasmexport skynet:plugin/hook@0.1.0#points
func points() unsafe.Pointer {
	out := newArea(8)
	points := out.list(0, len(served.Hook.Points), 8)
	for i, point := range served.Hook.Points {
		points(i).text(0, point)
	}
	return out.at
}

//go:wasmexport skynet:plugin/hook@0.1.0#before
func before(point, pointLength, payload, payloadLength uint32) unsafe.Pointer {
	var verdict Verdict
	collecting(func() { verdict = served.Hook.before(textAt(point, pointLength), json.RawMessage(textAt(payload, payloadLength))) })
	out := newArea(12)
	out.u8(0, verdict.kind)
	if verdict.kind != verdictAllow {
		out.text(4, verdict.text)
	}
	return out.at
}

//go:wasmexport skynet:plugin/hook@0.1.0#after
func after(point, pointLength, payload, payloadLength uint32) {
	if served.Hook.After != nil {
		collecting(func() { served.Hook.After(textAt(point, pointLength), json.RawMessage(textAt(payload, payloadLength))) })
	}
}
