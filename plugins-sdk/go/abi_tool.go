//go:build wasip1

// What a plugin with tools exports. Offsets are those of wit/tool.wit, which is frozen.
package skynet

import (
	"encoding/json"
	"errors"
	"unsafe"
)

const specSize = 48

//go:wasmexport skynet:plugin/tool@0.1.0#tools
func tools() unsafe.Pointer {
	out := newArea(8)
	specs := out.list(0, len(served.Tools), specSize)
	for i, tool := range served.Tools {
		spec := specs(i)
		spec.text(0, tool.Name)
		spec.text(8, tool.Description)
		spec.text(16, tool.Parameters)
		spec.flag(36, tool.ReadOnly && !tool.Destructive)
		spec.flag(37, tool.Destructive)
		spec.flag(38, tool.Idempotent)
		spec.flag(39, !tool.ClosedWorld)
	}
	return out.at
}

//go:wasmexport skynet:plugin/tool@0.1.0#call
func callTool(name, nameLength, arguments, argumentsLength, turn, turnLength, session, sessionLength, user, userLength uint32,
	deadline uint64, hasZone, zone, zoneLength, _, _ uint32) unsafe.Pointer {
	context := Context{textAt(turn, turnLength), textAt(session, sessionLength), textAt(user, userLength), deadline, ""}
	if hasZone != 0 {
		context.TimeZone = textAt(zone, zoneLength)
	}
	var answer string
	var err error
	collecting(func() { answer, err = call(textAt(name, nameLength), json.RawMessage(textAt(arguments, argumentsLength)), context) })
	out := newArea(32)
	if err != nil {
		kind := Failed
		var typed *Error
		if errors.As(err, &typed) {
			kind = typed.Case
		}
		out.u8(0, 1)
		out.u8(4, uint8(kind))
		out.text(8, err.Error())
		return out.at
	}
	part := newArea(20)
	part.text(4, answer)
	out.u32(4, uint32(uintptr(part.at)))
	out.u32(8, 1)
	return out.at
}
