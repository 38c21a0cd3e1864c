// Box:   superslab.   Uses: platform, base.   Must not know: what is stored.
// Holds: the metadata allocator: a pointer that only moves forward.
// Locks: metadata (leaf).   Read next: alloc/superslab/window.h

#include "alloc/superslab/metadata.h"

#include "alloc/base/lock.h"
#include "alloc/base/pointers.h"
#include "alloc/base/variant.h"
#include "alloc/superslab/slab_descriptor.h"
#include "alloc/superslab/window.h"
#include "platform/page_source.h"

namespace hakmem::superslab {
namespace {

// Room for the first SuperSlab's descriptors.
constexpr size_t kInlineBytes = sizeof(SuperMeta);
// Descriptors of 6, 25 or 50 SuperSlabs: it counts as address space, and each
// is two mappings more.
size_t ChunkBytes() {
  // relaxed: a gauge.
  const uint32_t supers = g_window.mapped.load(std::memory_order_relaxed);
  if (supers < 8 && !kVariant.guards) return size_t{32} << 10;
  return size_t{supers < 64 ? 128u : 256u} << 10;
}

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

// Of `bytes` that are there `taken`. Caller holds the lock.
void* TakeLocked(size_t bytes, size_t taken) {
  if (!g_state.inline_used && !g_state.restricted) {
    g_state.inline_used = true;
    g_state.next = AddressOf(g_state.inline_chunk);
    g_state.end = g_state.next + kInlineBytes;
  }
  if (g_state.end - g_state.next < bytes) return nullptr;
  void* result = At<void>(g_state.next);
  g_state.next += taken;
  g_state.handed_out += taken;
  return result;
}

// As many bytes as a chunk has now, or as are wanted, if there is no more
// memory. nullptr: not even that.
void* MapChunk(size_t bytes, size_t* size) {
  *size = AlignUp(ChunkBytes(), platform::PageSize());
  if (*size > bytes) {
    if (void* chunk = platform::MapGuarded(*size)) return chunk;
  }
  *size = AlignUp(bytes, platform::PageSize());
  void* chunk = platform::MapGuarded(*size);
  if (chunk == nullptr && LowerLimit(1)) chunk = platform::MapGuarded(*size);
  return chunk;
}

// `bytes`, of which `taken` are handed out. nullptr: no memory.
void* Provide(size_t bytes, size_t taken) {
  do {
    {
      LockHolder hold(g_state.lock);
      if (void* result = TakeLocked(bytes, taken)) return result;
      if (g_state.restricted) return nullptr;
    }
    // Where a pool is configured nothing is ever mapped.
    if (!EnsureWindow()) return nullptr;
  } while (WindowIsFixed());
  // Mapped without the lock: what a second thread maps meanwhile is used too,
  // and only the shorter rest of the two is lost.
  size_t size;
  void* fresh = MapChunk(bytes, &size);
  if (fresh == nullptr) return nullptr;
  LockHolder hold(g_state.lock);
  const uintptr_t start = AddressOf(static_cast<char*>(fresh));
  g_state.handed_out += taken;
  if (size - taken > g_state.end - g_state.next) {
    g_state.next = start + taken;
    g_state.end = start + size;
  }
  return fresh;
}

}  // namespace

void* AllocateMetadata(size_t bytes) {
  bytes = AlignUp(bytes, platform::kCacheLine);
  return Provide(bytes, bytes);
}

bool ReserveMetadata(size_t bytes) { return Provide(bytes, 0) != nullptr; }

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
