// Box:   stats.   Uses: platform.   Must not know: what is sampled.
// Holds: who called, without unwind tables and without allocating.
// Locks: none.   Read next: alloc/stats/stack_trace.cc

#ifndef HAKMEM_ALLOC_STATS_STACK_TRACE_H_
#define HAKMEM_ALLOC_STATS_STACK_TRACE_H_

#include <cstdint>

namespace hakmem::stats {

// Return addresses, innermost first, of the frame at __builtin_frame_address.
// Exact where all code keeps frame pointers; elsewhere whatever on the stack
// above looks like a return address, which now and then is an old one. The
// first is exact in any case. Faults on nothing.
unsigned CaptureStack(const void* frame, uintptr_t* out, unsigned most);

}  // namespace hakmem::stats

#endif  // HAKMEM_ALLOC_STATS_STACK_TRACE_H_
