// Box:   tests/boxes.   Uses: tiny, large.   Must not know: wrap.
// Holds: the front, and the thread hooks that go with it: tests say themselves
//        when a thread ends.
// Read next: tests/boxes/front.h

#include "tests/boxes/front.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "alloc/large/large.h"
#include "alloc/superslab/budget.h"
#include "alloc/superslab/metadata.h"
#include "alloc/superslab/window.h"
#include "alloc/tiny/heap.h"
#include "alloc/tiny/registry.h"
#include "alloc/tiny/small.h"
#include "alloc/tiny/thread_cache.h"
#include "gtest/gtest.h"
#include "platform/die.h"
#include "platform/thread_hooks.h"

namespace hakmem {

bool platform::HookThreadExit() { return true; }
void platform::OnThreadExit() { boxes::ExitThread(); }

namespace boxes {
namespace {

struct Slow {
  static void* Malloc(size_t bytes) {
    if (bytes <= tiny::kMaxSmall) return tiny::MallocSlow(bytes);
    return large::Allocate(bytes, tiny::kUnit).pointer;
  }
  static void Free(void* pointer) {
    if (pointer == nullptr) return;
    const size_t index =
        superslab::SlabIndex(AddressOf(static_cast<char*>(pointer)));
    if (index < superslab::kWindowSlabs && superslab::MapByte(index) < 0) {
      tiny::ReportBadPointer(pointer, "free");
    }
    const large::Ownership kind = large::Find(pointer, "free");
    if (kind == large::Ownership::kForeign) platform::Die("not ours");
    large::Free(pointer, kind);
  }
};

void CheckHeap(tiny::Heap& heap) {
  LockHolder hold(heap.lock);
  size_t used = 0;
  size_t dirty = 0;
  const auto walk = [&](superslab::SlabDescriptor* slab) {
    for (; slab != nullptr; slab = slab->next) {
      unsigned free_blocks = 0;
      for (unsigned w = 0; w * 64 < slab->capacity; ++w) {
        free_blocks += static_cast<unsigned>(
            __builtin_popcountll(superslab::FreeBits(slab)[w]));
      }
      if (free_blocks + tiny::UsedOf(slab) != slab->capacity) {
        platform::Die("bitmap and `used` of a slab disagree");
      }
      used += tiny::UsedOf(slab) * tiny::StrideBytes(slab);
      dirty += static_cast<size_t>(__builtin_popcount(superslab::AllPages() &
                                                      ~slab->clean_pages)) *
               platform::PageSize();
    }
  };
  for (superslab::SlabDescriptor* list : heap.partial) walk(list);
  for (superslab::SlabDescriptor* list : heap.aligned) walk(list);
  walk(heap.full);
  if (used != heap.used_bytes) platform::Die("used_bytes of a heap is wrong");
  if (dirty != heap.dirty_bytes) platform::Die("dirty_bytes is wrong");
}

}  // namespace

void* Malloc(size_t bytes) { return tiny::MallocFast<Slow>(bytes); }
void Free(void* pointer) { tiny::FreeFast<Slow>(pointer); }

void* AlignedMalloc(size_t alignment, size_t bytes) {
  if (alignment <= tiny::kUnit) return Malloc(bytes);
  if (alignment <= tiny::kMaxAlignment && bytes <= tiny::kMaxSmall) {
    return tiny::AllocateAligned(alignment, bytes);
  }
  return large::Allocate(bytes, alignment).pointer;
}

size_t Usable(void* pointer) {
  const int8_t kind = superslab::KindOf(AddressOf(static_cast<char*>(pointer)));
  if (kind < 0) return tiny::UsableBytes(tiny::ClassOfLive(kind));
  return large::UsableSize(pointer, large::Find(pointer, "usable_size"));
}

bool ResizeInPlace(void* pointer, size_t bytes) {
  return large::Resize(pointer, large::Find(pointer, "realloc"), bytes);
}

void FlushThread() {
  large::FlushThread();
  tiny::FlushThread(false);
}

void ExitThread() {
  large::FlushThread();
  tiny::FlushThread(true);
}

void CheckHeaps() {
  for (tiny::Heap* heap = tiny::FirstHeap(); heap != nullptr;
       heap = heap->next_heap) {
    CheckHeap(*heap);
  }
}

bool HintsWork() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return false;
#else
  return true;
#endif
}

int InChild(void (*body)(), unsigned seconds) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(seconds);
    body();
    fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  if (waitpid(child, &status, 0) != child) return -1;
  return status;
}

void ExpectNoLocksHeld() {
  tiny::LockSmallForFork();
  large::LockForFork();
  superslab::LockWindowForFork();
  superslab::LockMetadataForFork();
  superslab::UnlockMetadataForFork(false);
  superslab::UnlockWindowForFork(false);
  large::UnlockAfterFork(false);
  tiny::UnlockSmallAfterFork(false);
}

}  // namespace boxes
}  // namespace hakmem
