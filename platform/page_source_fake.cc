// Box:   platform.   Uses: page_source.h.   Must not know: SuperSlabs, slabs.
// Holds: the fake. It maps by libc, so that sanitizers see what it does.
// Locks: none.   Read next: platform/page_source.h

#include "platform/page_source_fake.h"

#include <sys/mman.h>
#include <unistd.h>

#include "platform/page_source.h"

namespace hakmem::platform {

namespace fake {
Plan plan;
Counts counts;
}  // namespace fake

namespace source {
namespace {

using fake::counts;
using fake::plan;

constexpr int kPrivateAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;

// Does this call fail?
bool Fails(bool counts_as_memory = true) {
  if (plan.on_call != nullptr) plan.on_call();
  if (!counts_as_memory) return false;
  // relaxed: a number of its own for each call.
  const uint64_t n = counts.calls.fetch_add(1, std::memory_order_relaxed) + 1;
  const bool one_of = plan.fail_every != 0 && n % plan.fail_every == 0;
  const bool in_row = plan.fail_from != 0 && n >= plan.fail_from &&
                      n - plan.fail_from < plan.fail_calls;
  if (!one_of && !in_row) return false;
  ++counts.failed;
  return true;
}

bool IsTaken(const void* hint, size_t bytes) {
  const uintptr_t start = reinterpret_cast<uintptr_t>(hint);
  return start < plan.taken_to && start + bytes > plan.taken_from;
}

void* MapWith(void* hint, size_t bytes, int protection, int flags) {
  if (plan.commit_limit != 0 &&
      counts.mapped_bytes + static_cast<int64_t>(bytes) >
          static_cast<int64_t>(plan.commit_limit)) {
    return nullptr;
  }
  void* got = mmap(hint, bytes, protection, kPrivateAnonymous | flags, -1, 0);
  if (got == MAP_FAILED) return nullptr;
  counts.mapped_bytes += static_cast<int64_t>(bytes);
  return got;
}

}  // namespace

size_t QueryPageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

void* Map(void* hint, size_t bytes) {
  if (Fails()) return nullptr;
  ++counts.maps;
  if (hint == nullptr)
    return MapWith(nullptr, bytes, PROT_READ | PROT_WRITE, 0);
  const bool honoured = plan.honours_hints && !IsTaken(hint, bytes);
  void* got =
      MapWith(honoured ? hint : nullptr, bytes, PROT_READ | PROT_WRITE, 0);
  if (got != hint) ++counts.missed_hints;
  return got;
}

void* Reserve(void* hint, size_t bytes) {
  if (Fails()) return nullptr;
  return MapWith(hint, bytes, PROT_NONE, MAP_NORESERVE);
}

bool MapInside(void* address, size_t bytes) {
  if (Fails()) return false;
  return mmap(address, bytes, PROT_READ | PROT_WRITE,
              kPrivateAnonymous | MAP_FIXED, -1, 0) != MAP_FAILED;
}

bool Unmap(void* address, size_t bytes) {
  if (Fails(plan.unmap_may_fail)) return false;
  ++counts.unmaps;
  if (munmap(address, bytes) != 0) return false;
  counts.mapped_bytes -= static_cast<int64_t>(bytes);
  return true;
}

bool Decommit(void* address, size_t bytes) {
  if (Fails() || plan.decommit_fails) return false;
  ++counts.decommits;
  counts.decommitted_bytes += bytes;
  return madvise(address, bytes, MADV_DONTNEED) == 0;
}

bool DecommitLazily(void* address, size_t bytes) {
  return Decommit(address, bytes);
}

void PreferPages(void*, size_t) { (void)Fails(false); }

bool Forbid(void* address, size_t bytes) {
  return !Fails() && mprotect(address, bytes, PROT_NONE) == 0;
}

bool Permit(void* address, size_t bytes) {
  return !Fails() && mprotect(address, bytes, PROT_READ | PROT_WRITE) == 0;
}

void ReadStartRandom(uint64_t words[2]) { words[0] = words[1] = 4711; }

uint64_t Now() { return plan.now; }

}  // namespace source
}  // namespace hakmem::platform
