// Box:   platform.   Uses: cpu.h.   Must not know: SuperSlabs, slabs, blocks.
// Holds: the contract between the allocator and whoever gives it pages.
// Locks: none.   Read next: platform/page_source_linux.cc

#ifndef HAKMEM_PLATFORM_PAGE_SOURCE_H_
#define HAKMEM_PLATFORM_PAGE_SOURCE_H_

#include <stddef.h>
#include <stdint.h>

#include "platform/cpu.h"
#include "platform/die.h"

namespace hakmem::platform {

// What a source implements. One of them is linked: page_source_linux.cc in
// every product, page_source_fake.cc in the tests of the boxes above. Addresses
// and sizes are multiples of PageSize(); the checked functions below, which
// everybody calls, make sure of it, since qemu-user lets misaligned calls pass.
// All of them may be called from any thread, none allocates or sets errno.
namespace source {

// The page size of the running kernel: 4 KiB, 16 KiB or 64 KiB.
size_t QueryPageSize();
// Maps zeroed memory, at `hint` if that place is free. nullptr: no memory.
void* Map(void* hint, size_t bytes);
// Address space without access and without commit charge, at `hint` if that
// place is free. nullptr: none left.
void* Reserve(void* hint, size_t bytes);
// Maps zeroed memory over part of what Reserve gave.
bool MapInside(void* address, size_t bytes);
// False: still mapped (the kernel may need a mapping more to split one).
bool Unmap(void* address, size_t bytes);
// Gives the pages back. True: they read as zero from now on. False: their
// content is unchanged (locked memory does that).
bool Decommit(void* address, size_t bytes);
// The same, but the kernel takes the pages when it needs some. True: they read
// as they did, or as zero, until they are written to.
bool DecommitLazily(void* address, size_t bytes);
// Asks for small pages, so that a purge is not undone behind our back, or for
// huge ones, if the configuration says so.
void PreferPages(void* address, size_t bytes);
// Takes all access away, or gives reading and writing back. False: the access
// is unchanged (no mapping left to split one).
bool Forbid(void* address, size_t bytes);
bool Permit(void* address, size_t bytes);
// What the kernel gave this process to be unpredictable with; 0 if nothing.
void ReadStartRandom(uint64_t words[2]);
// Roughly how many nanoseconds have gone by since some moment, without a system
// call. Two CPUs may be a little apart.
uint64_t Now();

}  // namespace source

// 0 until first asked; constant afterwards, so relaxed accesses suffice.
inline size_t PageSize() {
  HAK_CONSTINIT static size_t cached = 0;
  size_t size = __atomic_load_n(&cached, __ATOMIC_RELAXED);
  if (HAK_UNLIKELY(size == 0)) {
    size = source::QueryPageSize();
    __atomic_store_n(&cached, size, __ATOMIC_RELAXED);
  }
  return size;
}

// Not inline, these two: size counts where system calls are made.
HAK_NOINLINE inline void CheckPages(const void* address, size_t bytes) {
  const uintptr_t bits = reinterpret_cast<uintptr_t>(address) | bytes;
  if (HAK_UNLIKELY((bits & (PageSize() - 1)) != 0 || bytes == 0)) {
    Die("internal error: page range not aligned");
  }
}

[[nodiscard]] inline void* Map(void* hint, size_t bytes) {
  CheckPages(hint, bytes);
  return source::Map(hint, bytes);
}

// `bytes` of zeroed memory with an inaccessible page before and after, that one
// at `hint` if the place is free. nullptr: no memory.
[[nodiscard]] HAK_NOINLINE inline void* MapGuarded(size_t bytes,
                                                   void* hint = nullptr) {
  const size_t page = PageSize();
  char* whole = static_cast<char*>(source::Reserve(hint, bytes + 2 * page));
  if (whole == nullptr) return nullptr;
  CheckPages(whole + page, bytes);
  if (source::MapInside(whole + page, bytes)) return whole + page;
  (void)source::Unmap(whole, bytes + 2 * page);
  return nullptr;
}

[[nodiscard]] inline bool Unmap(void* address, size_t bytes) {
  CheckPages(address, bytes);
  return source::Unmap(address, bytes);
}

[[nodiscard]] inline bool Decommit(void* address, size_t bytes) {
  CheckPages(address, bytes);
  return source::Decommit(address, bytes);
}

[[nodiscard]] inline bool DecommitLazily(void* address, size_t bytes) {
  CheckPages(address, bytes);
  return source::DecommitLazily(address, bytes);
}

inline void PreferPages(void* address, size_t bytes) {
  CheckPages(address, bytes);
  source::PreferPages(address, bytes);
}

[[nodiscard]] inline bool Forbid(void* address, size_t bytes) {
  CheckPages(address, bytes);
  return source::Forbid(address, bytes);
}

[[nodiscard]] inline bool Permit(void* address, size_t bytes) {
  CheckPages(address, bytes);
  return source::Permit(address, bytes);
}

// Address space without access. nullptr: none left.
[[nodiscard]] inline void* Reserve(size_t bytes) {
  CheckPages(nullptr, bytes);
  return source::Reserve(nullptr, bytes);
}

inline uint64_t Now() { return source::Now(); }
// Is a moment still to come? One that lies more than a second ahead is from
// before the clock was set back (a virtual machine that moved).
inline bool IsToCome(uint64_t moment, uint64_t now) {
  return (moment - now - 1) >> 30 == 0;
}

inline void ReadStartRandom(uint64_t words[2]) {
  source::ReadStartRandom(words);
}

}  // namespace hakmem::platform

#endif  // HAKMEM_PLATFORM_PAGE_SOURCE_H_
