//go:build wasip1

// The canonical ABI of the contract by hand: how lists, options and variants lie in memory.
// Offsets are those of wit/lifecycle.wit, which is frozen; what each kind exports is in abi_KIND.go.
package skynet

import (
	"encoding/json"
	"runtime"
	"runtime/debug"
	"unsafe"
)

// While the host puts arguments into memory nothing may call it, and a collector at work does, to
// look at the clock. So none works but while a tool does.
func init() { debug.SetGCPercent(-1) }

func collecting(work func()) {
	debug.SetGCPercent(100)
	defer debug.SetGCPercent(-1)
	work()
}

// Blocks that the host was given or gives stay referenced here until the instance ends with its call.
var live = map[uintptr][]byte{}

// Not named cabi_realloc: the adapter would call that before Go has started.
//
//go:wasmexport cabi_export_realloc
func exportRealloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	return realloc(old, oldSize, align, size)
}

//go:wasmexport cabi_import_realloc
func importRealloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	return realloc(old, oldSize, align, size)
}

// landing is where the host's arguments are put. Go's own allocator may look at the clock for a large block, and
// nothing may call the host by then. Pages that nobody writes to cost nothing; what does not fit is allocated.
var (
	landing [4 << 20]byte
	landed  uintptr
)

func land(size, align uint32) unsafe.Pointer {
	begin := uintptr(unsafe.Pointer(&landing[0]))
	at := (begin + landed + uintptr(align) - 1) &^ (uintptr(align) - 1)
	if at-begin+uintptr(size) > uintptr(len(landing)) {
		return block(size, align)
	}
	landed = at - begin + uintptr(size)
	return unsafe.Pointer(at)
}

func realloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	at := land(size, align)
	if old != nil {
		copy(unsafe.Slice((*byte)(at), size), unsafe.Slice((*byte)(old), oldSize))
		delete(live, uintptr(old))
	}
	return at
}

func block(size, align uint32) unsafe.Pointer {
	bytes := make([]byte, size+align)
	at := (uintptr(unsafe.Pointer(&bytes[0])) + uintptr(align) - 1) &^ (uintptr(align) - 1)
	live[at] = bytes
	return unsafe.Pointer(at)
}

// area is memory that the host reads a result from. Go's pointers are 8 bytes even here, so
// addresses are written as numbers of 4.
type area struct{ at unsafe.Pointer }

func newArea(size uint32) area {
	made := area{block(size, 8)}
	clear(unsafe.Slice((*byte)(made.at), size))
	return made
}

func (a area) u8(offset uintptr, value uint8)   { *(*uint8)(unsafe.Add(a.at, offset)) = value }
func (a area) u32(offset uintptr, value uint32) { *(*uint32)(unsafe.Add(a.at, offset)) = value }

func (a area) text(offset uintptr, text string) {
	at := block(uint32(len(text)), 1)
	copy(unsafe.Slice((*byte)(at), len(text)), text)
	a.u32(offset, uint32(uintptr(at)))
	a.u32(offset+4, uint32(len(text)))
}

func (a area) optional(offset uintptr, text string) {
	if text != "" {
		a.u8(offset, 1)
		a.text(offset+4, text)
	}
}

func (a area) bytes(offset uintptr, data []byte) {
	at := block(uint32(len(data)), 1)
	copy(unsafe.Slice((*byte)(at), len(data)), data)
	a.u32(offset, uint32(uintptr(at)))
	a.u32(offset+4, uint32(len(data)))
}

// list writes where so many elements of that size are, and gives the place of each.
func (a area) list(offset uintptr, count int, size uint32) func(int) area {
	all := newArea(uint32(count) * size)
	a.u32(offset, uint32(uintptr(all.at)))
	a.u32(offset+4, uint32(count))
	return func(i int) area { return area{unsafe.Add(all.at, uintptr(i)*uintptr(size))} }
}

func (a area) flag(offset uintptr, value bool) {
	if value {
		a.u8(offset, 1)
	}
}

// textAt takes the address as the number that it is: exports take at most so many bytes of arguments.
func textAt(at, length uint32) string { return text(unsafe.Pointer(uintptr(at)), length) }

// bytesAt copies: what the host gave is its own.
func bytesAt(at, length uint32) []byte { return []byte(textAt(at, length)) }

func text(at unsafe.Pointer, length uint32) string {
	return string(unsafe.Slice((*byte)(at), length))
}

//go:wasmexport skynet:plugin/lifecycle@0.1.0#describe
func describe() unsafe.Pointer {
	out := newArea(36)
	out.text(0, served.Name)
	out.text(8, served.Summary)
	out.optional(16, served.ConfigSchema)
	return out.at
}

//go:wasmexport skynet:plugin/lifecycle@0.1.0#configure
func configure(at unsafe.Pointer, length uint32) unsafe.Pointer {
	out := newArea(12)
	if served.Configure != nil {
		if err := served.Configure(json.RawMessage(text(at, length))); err != nil {
			out.u8(0, 1)
			out.text(4, err.Error())
		}
	}
	return out.at
}

//go:wasmimport skynet:plugin/log@0.1.0 log
func hostLog(level uint32, at unsafe.Pointer, length uint32)

// Log writes a line to the owner's log.
func Log(line string) {
	hostLog(2, unsafe.Pointer(unsafe.StringData(line)), uint32(len(line)))
	runtime.KeepAlive(line)
}

//go:wasmimport skynet:plugin/config@0.1.0 get
func hostConfig(key unsafe.Pointer, length uint32, out unsafe.Pointer)

// Config gives the JSON of a setting, and whether the owner made it.
func Config(key string) (json.RawMessage, bool) {
	out := newArea(12)
	before := debug.SetGCPercent(-1)
	defer debug.SetGCPercent(before)
	hostConfig(unsafe.Pointer(unsafe.StringData(key)), uint32(len(key)), out.at)
	runtime.KeepAlive(key)
	if *(*uint8)(out.at) == 0 {
		return nil, false
	}
	at, length := *(*uint32)(unsafe.Add(out.at, 4)), *(*uint32)(unsafe.Add(out.at, 8))
	return json.RawMessage(textAt(at, length)), true
}
