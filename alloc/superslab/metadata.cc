// Box:   superslab.   Uses: platform, base.   Must not know: what is stored.
// Holds: the metadata allocator: a pointer that only moves forward.
// Locks: metadata (leaf).   Read next: alloc/superslab/window.h

#include "alloc/superslab/metadata.h"

#include "alloc/base/lock.h"
#include "alloc/base/pointers.h"
#include "alloc/superslab/slab_descriptor.h"
#include "alloc/superslab/window.h"
#include "platform/page_source.h"

namespace hakmem::superslab {
namespace {

// Room for the first SuperSlab's descriptors.
constexpr size_t kInlineBytes = sizeof(SuperMeta);
// Descriptors of 25 SuperSlabs.
constexpr size_t kChunkBytes = size_t{128} << 10;

struct State {
  Lock lock{"metadata"};
  uintptr_t next = 0;
  uintptr_t end = 0;
  size_t handed_out = 0;
  bool inline_used = false;
  bool restricted = false;
  alignas(platform::kCacheLine) char inline_chunk[kInlineBytes] = {};
};
// Under a name for hakmem.py, which reads the first members.
HAK_CONSTINIT State g_state __asm__("hakmem_metadata");

// Caller holds the lock.
void* TakeLocked(size_t bytes) {
  if (!g_state.inline_used && !g_state.restricted) {
    g_state.inline_used = true;
    g_state.next = AddressOf(g_state.inline_chunk);
    g_state.end = g_state.next + kInlineBytes;
  }
  if (g_state.end - g_state.next < bytes) return nullptr;
  void* result = At<void>(g_state.next);
  g_state.next += bytes;
  g_state.handed_out += bytes;
  return result;
}

}  // namespace

void* AllocateMetadata(size_t bytes) {
  bytes = AlignUp(bytes, platform::kCacheLine);
  do {
    {
      LockHolder hold(g_state.lock);
      if (void* result = TakeLocked(bytes)) return result;
      if (g_state.restricted) return nullptr;
    }
    // Where a pool is configured nothing is ever mapped.
    if (!EnsureWindow()) return nullptr;
  } while (WindowIsFixed());
  // Mapped without the lock: what a second thread maps meanwhile is used too,
  // and only the shorter rest of the two is lost.
  const size_t chunk =
      AlignUp(bytes > kChunkBytes ? bytes : kChunkBytes, platform::PageSize());
  void* fresh = platform::MapGuarded(chunk);
  if (fresh == nullptr) return nullptr;
  LockHolder hold(g_state.lock);
  const uintptr_t start = AddressOf(static_cast<char*>(fresh));
  g_state.handed_out += bytes;
  if (chunk - bytes > g_state.end - g_state.next) {
    g_state.next = start + bytes;
    g_state.end = start + chunk;
  }
  return fresh;
}

size_t MetadataBytes() {
  LockHolder hold(g_state.lock);
  return g_state.handed_out;
}

void RestrictMetadata(void* range, size_t bytes) {
  LockHolder hold(g_state.lock);
  g_state.restricted = true;
  g_state.next =
      AlignUp(AddressOf(static_cast<char*>(range)), platform::kCacheLine);
  g_state.end = AddressOf(static_cast<char*>(range)) + bytes;
}

void LockMetadataForFork() { g_state.lock.Acquire(); }

void UnlockMetadataForFork(bool child) {
  if (child) {
    g_state.lock.ReleaseInChild();
  } else {
    g_state.lock.Release();
  }
}

}  // namespace hakmem::superslab
