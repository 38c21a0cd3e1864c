// Box:   tiny.   Uses: superslab, base.   Must not know: wrap, large.
// Holds: blocks of no bytes: addresses that cannot be read or written.
// Locks: none.   Read next: alloc/tiny/zero_size.cc

#ifndef HAKMEM_ALLOC_TINY_ZERO_SIZE_H_
#define HAKMEM_ALLOC_TINY_ZERO_SIZE_H_

namespace hakmem::tiny {

// An address of its own without access. nullptr: none left (65,536 can be live
// at once), or no address space; the caller takes an ordinary block then.
[[nodiscard]] void* AllocateZeroSize();

// Is this a live block of no bytes? Ends the process if it is not but lies
// among them: `what` says what was to be done with it.
bool IsZeroSize(const void* pointer, const char* what);

// What an address is among them, any address; for reports.
enum class ZeroSizeState : unsigned char { kNone, kLive, kFree };
ZeroSizeState LookAtZeroSize(const void* address);

// Frees what IsZeroSize knows.
void FreeZeroSize(void* pointer);

}  // namespace hakmem::tiny

#endif  // HAKMEM_ALLOC_TINY_ZERO_SIZE_H_
