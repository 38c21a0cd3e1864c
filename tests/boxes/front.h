// Box:   tests/boxes.   Uses: tiny, large.   Must not know: wrap.
// Holds: malloc and free over the boxes, without libc's rules around them, so
//        that they run beside libc's own heap and under every sanitizer.
// Read next: tests/boxes/front.cc

#ifndef HAKMEM_TESTS_BOXES_FRONT_H_
#define HAKMEM_TESTS_BOXES_FRONT_H_

#include <cstddef>

namespace hakmem::boxes {

// nullptr: no memory.
void* Malloc(size_t bytes);
void* AlignedMalloc(size_t alignment, size_t bytes);
void Free(void* pointer);
size_t Usable(void* pointer);
bool ResizeInPlace(void* pointer, size_t bytes);

// Empties the thread's caches; gives its heap up for good if `Exit`.
void FlushThread();
void ExitThread();

// Walks all heaps and dies if the books do not agree with the slabs.
void CheckHeaps();

// Are hints honoured where plan.honours_hints says so? Sanitizers keep the zone
// of the hints for themselves.
bool HintsWork();

// Runs `body` in a child of its own, since a process has one window and one
// registry of heaps for ever. Returns what wait() says: 0 if every EXPECT in
// it held. The child is ended by SIGALRM after `seconds`.
int InChild(void (*body)(), unsigned seconds = 60);

// For fake::plan.on_call: takes all locks of the allocator as a fork does. Who
// makes a system call with one of them held waits for itself.
void ExpectNoLocksHeld();

}  // namespace hakmem::boxes

#endif  // HAKMEM_TESTS_BOXES_FRONT_H_
