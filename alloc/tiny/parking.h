// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: the heaps of short threads between two of them. A thread leaves
//        its heap and its bins as they are, and the next one goes on with them:
//        a program that starts a thread for every piece of work would spend
//        more time on giving blocks back and asking for them again than on the
//        blocks.
// Locks: none, but for those of the heaps.   Read next: alloc/tiny/registry.h

#ifndef HAKMEM_ALLOC_TINY_PARKING_H_
#define HAKMEM_ALLOC_TINY_PARKING_H_

#include "alloc/tiny/heap.h"

namespace hakmem::tiny {

// To the other threads a parked heap is one whose thread sleeps. At most four
// are parked, once sixteen threads have ended within an eighth of a second of
// each other; with a page in each bin and 128 KiB of free pieces of pages at
// the most, until an eighth of a second after the last end.

// Parks the calling thread's heap and empties its cache. False: it still has
// both.
[[nodiscard]] HAK_COLD bool Park();

// Gives the calling thread, which has no heap, a parked one and its bins.
// False: there is none.
[[nodiscard]] HAK_COLD bool Unpark();

// A slow path passes by: ends what has been parked for long.
void ReleaseStale(uint64_t now);

// Memory is short, or what is alive has fallen: gives up what is parked.
HAK_COLD void ReleaseParked();

// Thread-safe; the answer may be old.
[[nodiscard]] bool IsParked(const Heap* heap);

// Has its thread ended, and no other got it?
[[nodiscard]] HAK_COLD bool IsWaiting(const Heap& heap);

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_PARKING_H_
