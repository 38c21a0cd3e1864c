// Box:   platform.   Uses: cpu.h.   Must not know: SuperSlabs, slabs, blocks.
// Holds: pages from the Linux kernel: mmap, munmap and madvise, and mprotect
//        where a variant wants guards.
// Locks: none.   Read next: platform/futex.h

#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "hakmem.h"
#include "platform/page_source.h"

namespace hakmem::platform::source {
namespace {

constexpr long kPrivateAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;

void* MapWith(void* hint, size_t bytes, long protection, long flags) {
  const long result =
      Syscall(SYS_mmap, reinterpret_cast<long>(hint), static_cast<long>(bytes),
              protection, kPrivateAnonymous | flags, -1, 0);
  if (result < 0 && result > -4096) return nullptr;
  return reinterpret_cast<void*>(result);
}

bool Advise(void* address, size_t bytes, long advice) {
  return Syscall(SYS_madvise, reinterpret_cast<long>(address),
                 static_cast<long>(bytes), advice) == 0;
}

}  // namespace

size_t QueryPageSize() { return getauxval(AT_PAGESZ); }

void* Map(void* hint, size_t bytes) {
  return MapWith(hint, bytes, PROT_READ | PROT_WRITE,
                 hak_config.prefault != 0 ? MAP_POPULATE : 0);
}

void* Reserve(void* hint, size_t bytes) {
  return MapWith(hint, bytes, PROT_NONE, MAP_NORESERVE);
}

bool MapInside(void* address, size_t bytes) {
  return MapWith(address, bytes, PROT_READ | PROT_WRITE, MAP_FIXED) != nullptr;
}

bool Unmap(void* address, size_t bytes) {
  return Syscall(SYS_munmap, reinterpret_cast<long>(address),
                 static_cast<long>(bytes)) == 0;
}

bool Decommit(void* address, size_t bytes) {
  return Advise(address, bytes, MADV_DONTNEED);
}

bool DecommitLazily(void* address, size_t bytes) {
  return Advise(address, bytes, MADV_FREE);
}

void PreferPages(void* address, size_t bytes) {
  // EINVAL on a kernel without huge pages: nothing to choose there.
  (void)Advise(address, bytes,
               hak_config.thp == 1 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

bool Forbid(void* address, size_t bytes) {
  return Syscall(SYS_mprotect, reinterpret_cast<long>(address),
                 static_cast<long>(bytes), PROT_NONE) == 0;
}

bool Permit(void* address, size_t bytes) {
  return Syscall(SYS_mprotect, reinterpret_cast<long>(address),
                 static_cast<long>(bytes), PROT_READ | PROT_WRITE) == 0;
}

void ReadStartRandom(uint64_t words[2]) {
  const void* bytes = reinterpret_cast<const void*>(getauxval(AT_RANDOM));
  words[0] = words[1] = 0;
  if (bytes != nullptr) memcpy(words, bytes, 16);
}

uint64_t Now() { return RoughNanoseconds(); }

}  // namespace hakmem::platform::source
