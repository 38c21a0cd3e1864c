// Box:   wrap.   Uses: everything below.   Must not know: nothing is above.
// Holds: the parts of the crash report. All of them run in a signal handler.
// Locks: none that is held by anybody.   Read next: alloc/wrap/crash.cc

#ifndef HAKMEM_ALLOC_WRAP_CRASH_H_
#define HAKMEM_ALLOC_WRAP_CRASH_H_

#include <cstdint>

#include "platform/die.h"

namespace hakmem::wrap {

// "0x... is 12 bytes into a live block at 0x... (Tiny class 3, 64 bytes) ...".
// `sp`: of the thread that faulted.
void DescribeAddress(platform::Line& line, uintptr_t address, uintptr_t sp);

// Does it point into the heap, so that it is worth a line?
bool IsOfHeap(uintptr_t address);

// Gives this thread, and every one that allocates for the first time from now
// on, a stack for signal handlers, unless it has one. False: no memory.
[[nodiscard]] bool GiveSignalStacks();

}  // namespace hakmem::wrap

#endif  // HAKMEM_ALLOC_WRAP_CRASH_H_
