// Box:   wrap.   Uses: hakmem.h, malloc.   Must not know: the boxes.
// Holds: operator new and delete in all their forms, without the detour over
//        libstdc++'s. In a target of its own: a C program needs none of it.
// Locks: none.   Read next: alloc/wrap/entry_points.cc

#include <stddef.h>
#include <stdlib.h>

#include <new>

#include "alloc/wrap/hakmem.h"

namespace {

// Calls the new_handler until there is memory, or none is installed.
template <class Allocate>
void* OrHandler(Allocate allocate) {
  for (;;) {
    if (void* block = allocate()) return block;
    std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) return nullptr;
    handler();
  }
}

void* New(size_t bytes) {
  return OrHandler([bytes] { return malloc(bytes); });
}

void* NewAligned(size_t bytes, std::align_val_t alignment) {
  return OrHandler([bytes, alignment] {
    void* block = nullptr;
    const size_t a = static_cast<size_t>(alignment);
    return posix_memalign(&block, a < sizeof(void*) ? sizeof(void*) : a,
                          bytes) == 0
               ? block
               : nullptr;
  });
}

void* OrThrow(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

// A new_handler may throw; a nothrow form answers nullptr then.
template <class Allocate>
void* OrNull(Allocate allocate) noexcept {
  try {
    return allocate();
  } catch (...) {
    return nullptr;
  }
}

}  // namespace

using std::align_val_t;
using std::nothrow_t;

void* operator new(size_t n) { return OrThrow(New(n)); }
void* operator new[](size_t n) { return OrThrow(New(n)); }
void* operator new(size_t n, const nothrow_t&) noexcept {
  return OrNull([n] { return New(n); });
}
void* operator new[](size_t n, const nothrow_t&) noexcept {
  return OrNull([n] { return New(n); });
}
void* operator new(size_t n, align_val_t a) {
  return OrThrow(NewAligned(n, a));
}
void* operator new[](size_t n, align_val_t a) {
  return OrThrow(NewAligned(n, a));
}
void* operator new(size_t n, align_val_t a, const nothrow_t&) noexcept {
  return OrNull([n, a] { return NewAligned(n, a); });
}
void* operator new[](size_t n, align_val_t a, const nothrow_t&) noexcept {
  return OrNull([n, a] { return NewAligned(n, a); });
}

void operator delete(void* p) noexcept { free(p); }
void operator delete[](void* p) noexcept { free(p); }
void operator delete(void* p, const nothrow_t&) noexcept { free(p); }
void operator delete[](void* p, const nothrow_t&) noexcept { free(p); }
void operator delete(void* p, size_t n) noexcept { hak_free_sized(p, n); }
void operator delete[](void* p, size_t n) noexcept { hak_free_sized(p, n); }
void operator delete(void* p, align_val_t) noexcept { free(p); }
void operator delete[](void* p, align_val_t) noexcept { free(p); }
void operator delete(void* p, size_t n, align_val_t) noexcept {
  hak_free_sized(p, n);
}
void operator delete[](void* p, size_t n, align_val_t) noexcept {
  hak_free_sized(p, n);
}
void operator delete(void* p, align_val_t, const nothrow_t&) noexcept {
  free(p);
}
void operator delete[](void* p, align_val_t, const nothrow_t&) noexcept {
  free(p);
}
